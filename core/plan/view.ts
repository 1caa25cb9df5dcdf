import type { ReleaseRecord, RunEvent, RunOutcome } from '../spec/event.ts';
import type { Plan, PlannedPolicy } from '../spec/plan.ts';
import { endAttempt, type NodeView, newNode, nodeChange } from './node-view.ts';

export interface JudgedGate {
  readonly node: string;
  readonly text: string;
  readonly verdict: 'pass' | 'fail' | 'not-enough-data';
  readonly detail: string;
}

/** A release that became live in this run, or was put back. */
export interface ReleaseView {
  readonly node: string;
  readonly release: ReleaseRecord;
  readonly url: string | undefined;
  readonly how: 'released' | 'rolled-back';
}

/** A run as it stands after some of its events. */
export interface RunView {
  readonly run: string;
  readonly pipeline: string;
  readonly profile: string;
  readonly modelflow: string;
  readonly startedAt: string | undefined;
  readonly plan: Plan | undefined;
  /** What was done beside a run (`rollback`, `down`); undefined for a run. */
  readonly operation: string | undefined;
  /** In the order of the plan. */
  readonly nodes: ReadonlyMap<string, NodeView>;
  readonly gates: readonly JudgedGate[];
  readonly policies: readonly PlannedPolicy[];
  readonly releases: readonly ReleaseView[];
  readonly quarantined: readonly { readonly digest: string; readonly why: string }[];
  /** Undefined while the run goes on, and for a run that was killed. */
  readonly outcome: RunOutcome | undefined;
  readonly durationMs: number | undefined;
  /** Of the last event. */
  readonly at: string | undefined;
}

/** Follows a run: events are added as they come, and the view is always that of all of them so far. */
export interface RunFollower {
  add(event: RunEvent): void;
  readonly view: RunView;
}

type Open<T> = { -readonly [K in keyof T]: T[K] };
interface OpenView extends Open<Omit<RunView, 'nodes' | 'gates' | 'policies' | 'releases' | 'quarantined'>> {
  readonly nodes: Map<string, NodeView>;
  readonly gates: JudgedGate[];
  readonly policies: PlannedPolicy[];
  readonly releases: ReleaseView[];
  readonly quarantined: { readonly digest: string; readonly why: string }[];
}

/** The view of a run from all its events. */
export function viewOf(events: Iterable<RunEvent>): RunView {
  const follower = followRun();
  for (const event of events) follower.add(event);
  return follower.view;
}

/** Starts with nothing. What is added to one follower is seen by no other. */
export function followRun(): RunFollower {
  const view: OpenView = {
    run: '',
    pipeline: '',
    profile: '',
    modelflow: '',
    startedAt: undefined,
    plan: undefined,
    operation: undefined,
    nodes: new Map(),
    gates: [],
    policies: [],
    releases: [],
    quarantined: [],
    outcome: undefined,
    durationMs: undefined,
    at: undefined,
  };
  return {
    view,
    add(event) {
      view.at = event.at;
      foldRun(view, event);
      const before = 'node' in event && event.node !== undefined ? view.nodes.get(event.node) : undefined;
      const change = nodeChange(before, event);
      if (change) view.nodes.set(change.node, { ...(before ?? newNode(change.node, '')), ...change });
    },
  };
}

/** A plan of format 1, in a journal that an older version wrote, knows of no policies, approvals and drift. */
function wholePlan(plan: Plan): Plan {
  const parts: Partial<Plan> = plan;
  if (parts.policies && parts.approvals) return plan;
  const steps = plan.steps.map((step) =>
    'live' in step && step.live ? { ...step, live: { ...step.live, drift: step.live.drift ?? [] } } : step,
  );
  return { ...plan, steps, policies: [], approvals: [] };
}

function foldRun(view: OpenView, event: RunEvent): void {
  switch (event.type) {
    case 'run-started': {
      const { run, pipeline, profile, modelflow } = event;
      const plan = wholePlan(event.plan);
      Object.assign(view, { run, pipeline, profile, modelflow, plan, startedAt: event.at });
      for (const step of plan.steps) {
        const isHeld = step.do === 'keep' && step.live.action === 'held';
        view.nodes.set(step.node, { ...newNode(step.node, step.stage), lastMs: step.lastMs, state: isHeld ? 'held' : 'waiting' });
      }
      break;
    }
    case 'operation-started': {
      const { run, pipeline, profile, modelflow, operation } = event;
      Object.assign(view, { run, pipeline, profile, modelflow, operation, startedAt: event.at });
      break;
    }
    case 'gate-judged':
      view.gates.push({ node: event.node, text: event.text, verdict: event.verdict, detail: event.detail });
      break;
    case 'policy-judged': {
      const { policy, node, verdict, message } = event;
      view.policies.push({ policy, node, verdict, message });
      break;
    }
    case 'released':
      view.releases.push({ node: event.node, release: event.release, url: event.live.url, how: 'released' });
      break;
    case 'rolled-back':
      view.releases.push({ node: event.node, release: event.release, url: undefined, how: 'rolled-back' });
      break;
    case 'artifact-quarantined':
      view.quarantined.push({ digest: event.digest, why: event.why });
      break;
    case 'run-ended':
      view.outcome = event.outcome;
      view.durationMs = event.durationMs;
      for (const [name, node] of view.nodes)
        if (node.state === 'running' || node.state === 'retrying')
          view.nodes.set(name, { ...node, state: 'stopped', attempts: endAttempt(node, 'stopped', event.at) });
      break;
    default:
      break;
  }
}
