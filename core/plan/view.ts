import type { Diagnostic } from '../spec/diagnostic.ts';
import type { ReleaseRecord, RunEvent, RunOutcome } from '../spec/event.ts';
import type { Plan, PlannedPolicy } from '../spec/plan.ts';

/** `held`: a deployment that was refused before and is not tried. `stopped`: it was at work when the run ended. `unapproved`: somebody has to approve it first. */
export type NodeState = 'waiting' | 'running' | 'retrying' | 'done' | 'reused' | 'failed' | 'skipped' | 'held' | 'stopped' | 'unapproved';

/** What is known of a node. Times are ISO 8601, UTC. */
export interface NodeView {
  readonly node: string;
  readonly stage: string;
  readonly state: NodeState;
  /** How long it took the last time, in milliseconds. */
  readonly lastMs: number | undefined;
  /** Counts from 1; 0 before the first. */
  readonly attempt: number;
  readonly startedAt: string | undefined;
  readonly durationMs: number | undefined;
  readonly doing: string | undefined;
  /** 0…1. */
  readonly fraction: number | undefined;
  readonly digest: string | undefined;
  readonly facts: unknown;
  readonly sizeBytes: number | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The nodes whose failure it was skipped for. */
  readonly because: readonly string[];
  /** The last lines it wrote, oldest first. */
  readonly output: readonly { readonly level: 'info' | 'warn'; readonly line: string }[];
}

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

const keptLines = 20;

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
      const change = nodeChange(view, event);
      if (change) view.nodes.set(change.node, { ...(view.nodes.get(change.node) ?? newNode(change.node, '')), ...change });
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

function newNode(node: string, stage: string): NodeView {
  return {
    node,
    stage,
    state: 'waiting',
    lastMs: undefined,
    attempt: 0,
    startedAt: undefined,
    durationMs: undefined,
    doing: undefined,
    fraction: undefined,
    digest: undefined,
    facts: undefined,
    sizeBytes: undefined,
    diagnostics: [],
    because: [],
    output: [],
  };
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
        if (node.state === 'running' || node.state === 'retrying') view.nodes.set(name, { ...node, state: 'stopped' });
      break;
    default:
      break;
  }
}

/** What an event says of a node. */
function nodeChange(view: OpenView, event: RunEvent): (Partial<NodeView> & Pick<NodeView, 'node'>) | undefined {
  switch (event.type) {
    case 'node-started': {
      const { node, stage, attempt } = event;
      return { node, stage, attempt, state: 'running', startedAt: event.at, doing: undefined, fraction: undefined };
    }
    case 'node-progress':
      return { node: event.node, doing: event.doing, fraction: event.fraction };
    case 'node-output': {
      const before = view.nodes.get(event.node)?.output ?? [];
      return { node: event.node, output: [...before.slice(1 - keptLines), { level: event.level, line: event.line }] };
    }
    case 'node-retried':
      return { node: event.node, state: 'retrying', doing: undefined, fraction: undefined };
    case 'node-reused':
      return { node: event.node, state: 'reused', digest: event.digest, facts: event.facts };
    case 'node-finished': {
      const { node, digest, facts, sizeBytes, durationMs } = event;
      return { node, state: 'done', digest, facts, sizeBytes, durationMs, doing: undefined, fraction: undefined };
    }
    case 'node-failed': {
      const startedAt = view.nodes.get(event.node)?.startedAt;
      const durationMs = startedAt === undefined ? undefined : Date.parse(event.at) - Date.parse(startedAt);
      return { node: event.node, state: 'failed', diagnostics: event.diagnostics, durationMs, doing: undefined, fraction: undefined };
    }
    case 'approval-needed':
      return { node: event.node, state: 'unapproved' };
    case 'node-skipped':
      return { node: event.node, state: 'skipped', because: event.because };
    default:
      return undefined;
  }
}
