import { fingerprintOf } from '../plan/fingerprint.ts';
import { gateText, judge } from '../plan/gate.ts';
import type { Graph, GraphNode } from '../plan/graph.ts';
import { deployedOf, inputsOf } from '../plan/plan.ts';
import type { Code } from '../spec/codes.ts';
import { type Diagnostic, failure } from '../spec/diagnostic.ts';
import type { NewEvent, RunOutcome } from '../spec/event.ts';
import type { FingerprintParts, Plan } from '../spec/plan.ts';
import type { Policy } from '../spec/plan-policy.ts';
import type { StoredArtifact } from '../spec/port.ts';
import type { Weight } from '../spec/ref.ts';
import { ApprovalPending, judgeFactsPolicies, refusedBefore, waitForApproval } from './consent.ts';
import { execute } from './execute.ts';
import { diagnosticsOf, Stopped } from './failure.ts';
import { mender } from './mend.ts';
import { poolOf } from './pool.ts';
import type { Emit, EnginePorts } from './ports.ts';
import { rollOut } from './rollout.ts';
import { scheduleOf } from './schedule.ts';

/** What a reviewed plan wants to stay as it was. */
export interface Reviewed {
  /** Throws MF2101 when what decides the bytes of a node is not what was reviewed. */
  check(node: string, parts: FingerprintParts): void;
  /** Node → the state of the live world that it was planned against. */
  readonly tokens: ReadonlyMap<string, string>;
}

export interface RunRequest {
  readonly run: string;
  readonly modelflow: string;
  readonly graph: Graph;
  /** Only these nodes are made. */
  readonly within: ReadonlySet<string>;
  /** Made again even when there is a result; a refused release among them is deployed. */
  readonly forced: ReadonlySet<string>;
  readonly plan: Plan;
  readonly planDigest: string;
  readonly policies: readonly Policy[];
  /** Nodes that whoever started the run approves. */
  readonly approve: ReadonlySet<string>;
  /** What a reviewed plan holds the run to. */
  readonly reviewed?: Reviewed;
  /** What of the machine may be taken at once. */
  readonly capacity: Weight;
  /** After a failure, or a gate that refuses, what does not depend on it is begun all the same. */
  readonly keepGoing: boolean;
  readonly signal: AbortSignal;
  /** Chooses among the ready nodes; the first one unless said otherwise. */
  readonly pick?: (ready: readonly GraphNode[]) => number;
}

export interface RunResult {
  readonly outcome: RunOutcome;
  readonly diagnostics: readonly Diagnostic[];
  readonly made: ReadonlyMap<string, StoredArtifact>;
}

/** Makes what the plan says, ready nodes at the same time. Whatever ends it, the next run goes on from what was finished. */
export async function run(request: RunRequest, ports: EnginePorts): Promise<RunResult> {
  const began = ports.clock.now().getTime();
  const emit = async (event: NewEvent): Promise<void> => {
    const written = await ports.journal.append(event);
    for (const reporter of ports.reporters) reporter.event(written);
  };
  await emit({
    type: 'run-started',
    run: request.run,
    pipeline: request.plan.pipeline,
    profile: request.plan.profile,
    modelflow: request.modelflow,
    plan: request.plan,
    planDigest: request.planDigest,
    by: ports.origin.by,
    commit: ports.origin.commit,
  });
  const made = new Map<string, StoredArtifact>();
  const refused = await refusedBefore(request.plan, emit);
  const diagnostics = refused.length > 0 ? refused : await makeAll(request, ports, emit, made);
  const outcome = request.signal.aborted ? 'stopped' : outcomeOf(diagnostics);
  await emit({ type: 'run-ended', outcome, durationMs: ports.clock.now().getTime() - began });
  return { outcome, diagnostics, made };
}

async function makeAll(
  request: RunRequest,
  ports: EnginePorts,
  emit: Emit,
  made: Map<string, StoredArtifact>,
): Promise<readonly Diagnostic[]> {
  const schedule = scheduleOf(request.graph, request.within, request.pick);
  const diagnostics: Diagnostic[] = [];
  const pending: Diagnostic[] = [];
  const pool = poolOf(request.capacity);
  const running = new Set<Promise<void>>();
  const fatal: unknown[] = [];
  const make = mender({
    graph: request.graph,
    artifacts: ports.artifacts,
    made,
    make: (node) => makeNode(node, request, ports, emit, made),
  });
  const one = async (node: GraphNode): Promise<void> => {
    try {
      made.set(node.name, await make(node));
      schedule.done(node.name);
    } catch (error) {
      if (error instanceof ApprovalPending) {
        pending.push(...placed(node, error.diagnostics));
        for (const skipped of schedule.failed(node.name)) await emit({ type: 'node-skipped', ...skipped });
        return;
      }
      if (!(error instanceof Stopped)) {
        const found = placed(node, diagnosticsOf(error, node.node.stage.name, node.name));
        diagnostics.push(...found);
        await emit({ type: 'node-failed', node: node.name, diagnostics: found });
      }
      for (const skipped of schedule.failed(node.name)) await emit({ type: 'node-skipped', ...skipped });
      if (request.keepGoing && !request.signal.aborted) return;
      for (const left of schedule.close()) await emit({ type: 'node-skipped', node: left, because: [] });
    }
  };
  for (;;) {
    while (!request.signal.aborted) {
      const node = schedule.take((each) => pool.hasRoomFor(each.node.policy.weight));
      if (node === undefined) break;
      pool.take(node.node.policy.weight);
      const work: Promise<void> = one(node)
        .catch((error: unknown) => {
          // The journal itself could not be written: nothing more is begun, and what runs is waited for.
          fatal.push(error);
          schedule.close();
        })
        .finally(() => {
          pool.giveBack(node.node.policy.weight);
          running.delete(work);
        });
      running.add(work);
    }
    if (running.size === 0) break;
    await Promise.race(running);
  }
  if (fatal.length > 0) throw fatal[0];
  // What failed says more than what merely waits.
  return [...gravestFirst(diagnostics), ...pending];
}

/** Where a node's failure is shown: at the call in the configuration, unless it knows a better place. */
function placed(node: GraphNode, found: readonly Diagnostic[]): readonly Diagnostic[] {
  const place = node.node.place();
  return found.map((each) => ({ ...(place ? { at: place } : {}), ...each, node: node.name }));
}

async function makeNode(
  node: GraphNode,
  request: RunRequest,
  ports: EnginePorts,
  emit: Emit,
  made: ReadonlyMap<string, StoredArtifact>,
): Promise<StoredArtifact> {
  await judgeGates(node, request.graph, made, emit);
  const inputs = inputsOf(node, made);
  const parts = await ports.parts(node, inputs);
  request.reviewed?.check(node.name, parts);
  const fingerprint = fingerprintOf(parts);
  const isForced = request.forced.has(node.name);
  const job = { node, inputs, parts, signal: request.signal, ports, emit };
  const placement = node.node.stage.deploys?.(ports.options(node) as never);
  const what = deployedOf(node, inputs);
  const judged = (artifact: StoredArtifact) => judgeFactsPolicies({ node, request, ports, emit }, artifact);
  const known = isForced ? undefined : await ports.made(fingerprint);
  if (known && (await stillHolds(node, known.artifact, fingerprint, ports, inputs, what))) {
    await emit({ type: 'node-reused', node: node.name, fingerprint, parts, digest: known.artifact.digest, facts: known.artifact.facts });
    return judged(known.artifact);
  }
  const isHeld =
    what !== undefined &&
    node.node.policy.approval !== undefined &&
    (await ports.live(node, fingerprint, what, isForced)).action === 'held';
  if (!isHeld) await waitForApproval({ node, request, ports, emit }, fingerprint);
  if (!placement || !what) return judged(await execute(job));
  const reviewed = { token: request.reviewed?.tokens.get(node.name) };
  const deployed = await execute({
    ...job,
    rollout: (signal, log) =>
      rollOut({ node: node.name, placement, stamp: fingerprint, what, isForced, reviewed, ports, emit }, signal, log),
  });
  return judged(deployed);
}

/** A result of the bytes alone always holds; one that speaks of the world is asked of the world. */
async function stillHolds(
  node: GraphNode,
  made: StoredArtifact,
  fingerprint: string,
  ports: EnginePorts,
  inputs: ReturnType<typeof inputsOf>,
  what: StoredArtifact | undefined,
): Promise<boolean> {
  if (what) return (await ports.live(node, fingerprint, what)).action === 'none';
  if (node.node.stage.verify) return (await ports.standing(node, made, inputs)).holds;
  return true;
}

/** Judged on every run, whether the node that waits is reused or not. */
async function judgeGates(node: GraphNode, graph: Graph, made: ReadonlyMap<string, StoredArtifact>, emit: Emit): Promise<void> {
  const refused: Diagnostic[] = [];
  for (const gate of node.node.gates) {
    const text = gateText(gate, graph.nameOf);
    const { verdict, detail } = judge(gate, (ref) => made.get(graph.nameOf(ref))?.facts);
    await emit({ type: 'gate-judged', node: node.name, text, verdict, detail });
    if (verdict === 'pass') continue;
    const code: Code = verdict === 'fail' ? 'MF4001' : 'MF4002';
    const place = node.node.place();
    refused.push({
      code,
      severity: 'error',
      message: `the gate before \`${node.name}\` refused: ${text}: ${detail}`,
      hint: 'Nothing behind the gate was made or deployed.',
      ...(place ? { at: place } : {}),
    });
  }
  const [first] = refused;
  if (first) throw failure(first.code, first.message, { ...first, detail: refused.slice(1).map((each) => each.message) });
}

const refusals: ReadonlySet<Code> = new Set<Code>(['MF2101', 'MF4001', 'MF4002', 'MF4110', 'MF5007', 'MF7001']);

/** Several can fail: what changed the world stands before what failed, and that before what was refused. The first decides how the run ends. */
function gravestFirst(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const gravity = ({ code }: Diagnostic): number => (code === 'MF5005' ? 0 : refusals.has(code) ? 2 : 1);
  return diagnostics.toSorted((one, other) => gravity(one) - gravity(other));
}

function outcomeOf(diagnostics: readonly Diagnostic[]): RunOutcome {
  const [first] = diagnostics;
  if (first === undefined) return 'ok';
  if (first.code === 'MF5005') return 'rolled-back';
  if (first.code === 'MF4101') return 'approval-pending';
  if (first.code === 'MF5301') return 'paused';
  return refusals.has(first.code) ? 'refused' : 'failed';
}
