import type { Cause, FingerprintParts, LiveChange, Plan, PlannedApproval, PlannedGate, Step } from '../spec/plan.ts';
import type { Policy, PolicyNode } from '../spec/plan-policy.ts';
import type { StoredArtifact } from '../spec/port.ts';
import type { Ref, Standing } from '../spec/ref.ts';
import { causesOf } from './explain.ts';
import { fingerprintOf, plainOptions } from './fingerprint.ts';
import { gateText, judge } from './gate.ts';
import type { Graph, GraphNode } from './graph.ts';
import { type Approval, approvalKey, type NodeHistory } from './history.ts';
import { judgeFacts, judgePlan } from './policy.ts';

/** Slot → what fills it; a list slot in order. */
export type Inputs = Readonly<Record<string, StoredArtifact | readonly StoredArtifact[]>>;

/** A result of the cache whose artifact is there. */
export interface Made {
  readonly artifact: StoredArtifact;
  readonly durationMs: number;
}

/** What the planner asks. Every answer is read, nothing is changed. */
export interface PlanPorts {
  parts(node: GraphNode, inputs: Inputs): Promise<FingerprintParts>;
  made(fingerprint: string): Promise<Made | undefined>;
  history(name: string): NodeHistory | undefined;
  /** For a node whose result speaks of the live world. */
  standing(node: GraphNode, made: StoredArtifact, inputs: Inputs): Promise<Standing>;
  /** For a node that deploys; `stamp` undefined: not known before its inputs are made. `isForced`: a refusal does not count. */
  live(node: GraphNode, stamp: string | undefined, what: StoredArtifact | undefined, isForced?: boolean): Promise<LiveChange>;
  /** Facts of a node as they were released last, for policies that compare. */
  lastFacts(node: string): unknown;
  approval(key: string): Approval | undefined;
}

export interface PlanRequest {
  readonly pipeline: string;
  readonly profile: string;
  readonly graph: Graph;
  /** Only these nodes are looked at. */
  readonly within: ReadonlySet<string>;
  /** Made again even when there is a result. */
  readonly forced: ReadonlySet<string>;
  readonly policies: readonly Policy[];
  /** Told what decides the bytes of each step; of one that is decided later as far as it is known. */
  readonly onParts?: (node: string, parts: FingerprintParts) => void;
}

/** What would be reused, run and changed, and why. Changes nothing. */
export async function makePlan(request: PlanRequest, ports: PlanPorts): Promise<Plan> {
  const made = new Map<string, StoredArtifact>();
  const steps: Step[] = [];
  for (const node of request.graph.nodes) {
    if (!request.within.has(node.name)) continue;
    const decided = await decide(node, made, ports, request);
    steps.push(decided.step);
    if (decided.artifact) made.set(node.name, decided.artifact);
  }
  const nodes = request.graph.nodes.filter((node) => request.within.has(node.name));
  const { pipeline, profile, policies } = request;
  const onFacts = nodes.flatMap((node) => {
    const facts = made.get(node.name)?.facts;
    const known = made.has(node.name) ? { node: node.name, profile, facts, last: () => ports.lastFacts(node.name) } : undefined;
    return judgeFacts(policies, node.node, node.name, known);
  });
  const plan: Plan = {
    format: 2,
    pipeline,
    profile,
    steps,
    gates: nodes.flatMap((node) => plannedGates(node, request.graph, made)),
    policies: onFacts,
    approvals: steps.flatMap((step) => plannedApproval(step, request.graph, ports)),
  };
  return { ...plan, policies: [...judgePlan(policies, plan, () => nodes.map((node) => policyNode(node, request.graph))), ...onFacts] };
}

function policyNode({ name, node }: GraphNode, graph: Graph): PolicyNode {
  // A table stays a table.
  const options = plainOptions(node.options, ({ source, path }) => ({ source, path })) as PolicyNode['options'];
  return {
    node: name,
    stage: node.stage.name,
    options,
    gates: node.gates.map((gate) => gateText(gate, graph.nameOf)),
    approval: node.policy.approval,
  };
}

/** What is reused or kept needs none; a release that is held back is not done at all. */
function plannedApproval(step: Step, graph: Graph, ports: PlanPorts): readonly PlannedApproval[] {
  const why = graph.byName.get(step.node)?.node.policy.approval;
  if (why === undefined || (step.do !== 'run' && step.do !== 'decide-later')) return [];
  const base = { node: step.node, why };
  if (step.do === 'decide-later') return [{ ...base, state: 'decided-later', fingerprint: undefined, by: undefined }];
  const given = ports.approval(approvalKey(step.node, step.fingerprint));
  return [{ ...base, state: given ? 'given' : 'needed', fingerprint: step.fingerprint, by: given?.by }];
}

interface Decided {
  readonly step: Step;
  /** Known now, so that what comes after it can be decided now as well. */
  readonly artifact?: StoredArtifact;
}

async function decide(
  node: GraphNode,
  made: ReadonlyMap<string, StoredArtifact>,
  ports: PlanPorts,
  request: PlanRequest,
): Promise<Decided> {
  const isForced = request.forced.has(node.name);
  const history = ports.history(node.name);
  const needs = [...new Set(node.edges.map((edge) => edge.from))];
  const base = { node: node.name, stage: node.node.stage.name, lastMs: history?.lastMs, needs };
  const deploys = node.node.stage.deploys !== undefined;
  const after = [...new Set(node.edges.filter((edge) => !edge.isGate && !made.has(edge.from)).map((edge) => edge.from))];
  if (after.length > 0) {
    request.onParts?.(node.name, await ports.parts(node, knownInputsOf(node, made)));
    const live = deploys ? { live: await ports.live(node, undefined, undefined) } : {};
    return { step: { ...base, do: 'decide-later', after, ...live, ...(isForced ? { isForced } : {}) } };
  }
  const inputs = inputsOf(node, made);
  const parts = await ports.parts(node, inputs);
  request.onParts?.(node.name, parts);
  const fingerprint = fingerprintOf(parts);
  const known = isForced ? undefined : await ports.made(fingerprint);
  const because: readonly Cause[] = isForced ? [{ why: 'forced' }] : causes(history, parts, fingerprint);
  if (deploys)
    return decideDeployment(
      { ...base, fingerprint },
      because,
      known,
      await ports.live(node, fingerprint, deployedOf(node, inputs), isForced),
    );
  if (known === undefined) return { step: { ...base, do: 'run', because, fingerprint } };
  const standing = node.node.stage.verify ? await ports.standing(node, known.artifact, inputs) : ({ holds: true } as const);
  if (!standing.holds) return { step: { ...base, do: 'run', because: [{ why: 'no-longer-true', text: standing.why }], fingerprint } };
  return { step: { ...base, do: 'reuse', digest: known.artifact.digest, fingerprint }, artifact: known.artifact };
}

type StepBase = Pick<Step, 'node' | 'stage' | 'lastMs' | 'needs'> & { readonly fingerprint: string };

function decideDeployment(base: StepBase, because: readonly Cause[], known: Made | undefined, live: LiveChange): Decided {
  if (live.action === 'held') return { step: { ...base, do: 'keep', digest: undefined, live } };
  if (live.action !== 'none') {
    const isAsLastTime = because.length === 1 && because[0]?.why === 'output-missing';
    const moved: Cause = {
      why: 'no-longer-true',
      text: live.action === 'create' ? 'the service is not there' : 'the service is not as it was deployed',
    };
    return { step: { ...base, do: 'run', because: isAsLastTime ? [moved] : because, fingerprint: base.fingerprint, live } };
  }
  if (known === undefined) return { step: { ...base, do: 'run', because, live } };
  return { step: { ...base, do: 'keep', digest: known.artifact.digest, live }, artifact: known.artifact };
}

/** Only asked about a node that is not reused; the same parts as last time then mean that last time came to nothing. */
export function causes(history: NodeHistory | undefined, parts: FingerprintParts, fingerprint: string): readonly Cause[] {
  if (history === undefined) return [{ why: 'never-ran' }];
  if (history.fingerprint !== fingerprint && history.parts) {
    const found = causesOf(history.parts, parts);
    if (found.length > 0) return found;
  }
  switch (history.outcome) {
    case 'done':
      return [{ why: 'output-missing' }];
    case 'failed':
      return [{ why: 'last-run-failed' }];
    case 'interrupted':
      return [{ why: 'last-run-interrupted' }];
  }
}

/** The artifacts that fill a node's slots. Every one must be made. */
export function inputsOf(node: GraphNode, made: ReadonlyMap<string, StoredArtifact>): Inputs {
  const inputs: Record<string, StoredArtifact | StoredArtifact[]> = {};
  for (const [slot, given] of Object.entries(node.node.inputs)) {
    const found = node.edges.filter((edge) => edge.slot === slot && !edge.isGate).flatMap((edge) => made.get(edge.from) ?? []);
    if (Array.isArray(given)) inputs[slot] = found;
    else if (found[0]) inputs[slot] = found[0];
  }
  return inputs;
}

/** Those slots whose every artifact is made. */
function knownInputsOf(node: GraphNode, made: ReadonlyMap<string, StoredArtifact>): Inputs {
  const open = new Set(node.edges.filter((edge) => !edge.isGate && !made.has(edge.from)).map((edge) => edge.slot));
  return Object.fromEntries(Object.entries(inputsOf(node, made)).filter(([slot]) => !open.has(slot)));
}

/** What a deploying node puts into the world. */
export function deployedOf(node: GraphNode, inputs: Inputs): StoredArtifact | undefined {
  const slot = node.node.stage.deploys?.(node.node.options as never).slot;
  const found = slot === undefined ? undefined : inputs[slot];
  return found === undefined || isList(found) ? undefined : found;
}

/** Does the slot hold a list? */
export function isList(value: StoredArtifact | readonly StoredArtifact[]): value is readonly StoredArtifact[] {
  return Array.isArray(value);
}

function plannedGates(node: GraphNode, graph: Graph, made: ReadonlyMap<string, StoredArtifact>): PlannedGate[] {
  const known = node.edges.every((edge) => !edge.isGate || made.has(edge.from));
  const factsOf = (ref: Ref): unknown => made.get(graph.nameOf(ref))?.facts;
  return node.node.gates.map((gate): PlannedGate => {
    const text = gateText(gate, graph.nameOf);
    if (!known) return { node: node.name, text, verdict: 'decided-later', detail: '' };
    return { node: node.name, text, ...judge(gate, factsOf) };
  });
}
