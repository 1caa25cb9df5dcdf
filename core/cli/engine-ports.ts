import { join } from 'node:path';
import { liveChange, plannedRollout, releasedDigest } from '../engine/live-change.ts';
import type { EnginePorts } from '../engine/ports.ts';
import { desired } from '../engine/release.ts';
import { sha256 } from '../plan/canonical.ts';
import type { GraphNode } from '../plan/graph.ts';
import { serviceKey } from '../plan/history.ts';
import { factsAtLastRelease } from '../plan/last-facts.ts';
import type { PlanPorts } from '../plan/plan.ts';
import { refuseUnsplit } from '../plan/rollout-steps.ts';
import type { LiveChange } from '../spec/plan.ts';
import type { StoredArtifact } from '../spec/port.ts';
import type { Placement, StageContext } from '../spec/ref.ts';
import type { LiveService, TargetContext } from '../spec/target.ts';
import { filesFolder } from '../store/artifacts.ts';
import type { NoteListing } from '../store/listings.ts';
import { systemClock } from '../world/clock.ts';
import { forStage } from '../world/for-stage.ts';
import type { StartedChild } from '../world/process-identity.ts';
import { fingerprintParts } from './fingerprint-parts.ts';
import { pastOf, runsLookedAt } from './past.ts';
import { processesFor, type RunWorld } from './processes.ts';
import { runHere } from './run-here.ts';
import { silentLog } from './show.ts';
import { needsHost, runInHost } from './stage-host.ts';
import { requestsOf } from './store.ts';
import { asTheirs, inTheirCode } from './their-code.ts';
import type { Workspace } from './workspace.ts';

/** The planner's questions, answered from the store, the user's files and the live world. `note` is told what digests are made of. */
export function planPorts(
  workspace: Workspace,
  signal: AbortSignal,
  note?: NoteListing,
): PlanPorts & Pick<EnginePorts, 'past' | 'options' | 'sourcesUnchanged' | 'targetContext'> {
  const { store, config, secrets } = workspace;
  const past = store.past();
  // The run that begins now is not among them.
  const earlier = store.runs.ids();
  const deploys = workspace.graph.nodes.some((node) => node.node.stage.deploys);
  let lastFacts: ReadonlyMap<string, unknown> | undefined;
  const asGiven = (options: unknown): Readonly<Record<string, unknown>> =>
    forStage(options, config.root, secrets.opened) as Readonly<Record<string, unknown>>;
  const options = (node: GraphNode): Readonly<Record<string, unknown>> => asGiven(node.node.options);
  const targetContext: EnginePorts['targetContext'] = (target, aborted, log) => ({
    // Those of an earlier release come from the journal, where a secret is only a name.
    settings: asGiven(target.settings),
    signal: aborted,
    log,
    stateFolder: join(store.root, 'services', store.scope),
  });
  return {
    past,
    options,
    targetContext,
    history: (name) => past.nodes.get(name),
    ...fingerprintParts(workspace, note),
    async made(fingerprint) {
      const result = await store.results.find(fingerprint);
      const artifact = result && (await store.artifacts.open(result.digest));
      return artifact && { artifact, durationMs: result.durationMs };
    },
    async standing(node, made, inputs) {
      const { verify } = node.node.stage;
      if (!verify) return { holds: true };
      const context = { inputs: inputs as StageContext['inputs'], options: options(node) as never, signal, log: silentLog };
      return inTheirCode(node, 'verify', () => verify(made as never, context));
    },
    live: (node, stamp, what, isForced = false) =>
      changeOf({ placement: placementOf(node, options(node)), past, targetContext, signal }, stamp, what, isForced),
    lastFacts(node) {
      lastFacts ??= factsAtLastRelease(
        earlier.map((run, index) => (index < earlier.length - runsLookedAt ? store.runs.releases(run) : store.runs.events(run))),
        deploys,
        past.refused,
      );
      return lastFacts.get(node);
    },
    approval: (key) => past.approvals.get(key),
  };
}

interface Asked extends Pick<EnginePorts, 'past' | 'targetContext'> {
  readonly placement: Placement;
  readonly signal: AbortSignal;
}

/** What a deployment would change, asked of the live world. */
async function changeOf(
  { placement, past, targetContext, signal }: Asked,
  stamp: string | undefined,
  what: StoredArtifact | undefined,
  isForced: boolean,
): Promise<LiveChange> {
  const { target, service, strategy } = placement;
  const context = targetContext(target, signal, silentLog);
  const split = target.def.split?.(context);
  if (strategy) refuseUnsplit(strategy, { split, counts: target.def.observe !== undefined }, { target: target.target, service });
  const live = await target.def.read(context, service);
  const key = serviceKey({ target: target.target, service });
  const underway = past.rollouts.get(key);
  const refused = stamp === undefined || isForced ? undefined : past.refused.get(stamp);
  const known = { was: releasedDigest({ past }, target, live), refused, settled: past.settled.get(key), underway };
  const change = liveChange(placement, live, stamp, what?.digest, known);
  if (change.action === 'none' || change.action === 'held') return change;
  const rollout = plannedRollout(placement, split, live, stamp, underway);
  const seen = await differenceOf(placement, context, live, stamp, what);
  return { ...change, ...seen, changes: [...change.changes, ...(seen?.changes ?? [])], ...(rollout ? { rollout } : {}) };
}

/** What the runtime itself says it would change. That it does not say is no reason not to show the rest of the plan. */
async function differenceOf(
  { target, service }: Placement,
  context: TargetContext,
  live: LiveService,
  stamp: string | undefined,
  what: StoredArtifact | undefined,
): Promise<Pick<LiveChange, 'changes' | 'unasked'> | undefined> {
  if (target.def.diff === undefined || stamp === undefined || what === undefined) return undefined;
  try {
    return { changes: await target.def.diff(context, { service, revisions: [desired(stamp, 100, what)] }, live) };
  } catch (error) {
    if (context.signal.aborted) throw error;
    return { changes: [], unasked: error instanceof Error ? error.message : String(error) };
  }
}

/** Where a node deploys to. Only asked of nodes that deploy. */
export function placementOf(node: GraphNode, options: Readonly<Record<string, unknown>>): Placement {
  const placement = node.node.stage.deploys?.(options as never);
  if (!placement) throw new Error(`${node.name} does not deploy`);
  return { ...placement, target: asTheirs(node, placement.target) };
}

/** All the engine needs. The heavy parts are loaded when a stage first asks for them. */
export function enginePorts(workspace: Workspace, world: RunWorld): EnginePorts {
  const { store, config } = workspace;
  const work = join(store.root, 'work', store.scope, world.run);
  const planned = planPorts(workspace, world.signal, store.listings.keep);
  return {
    ...planned,
    artifacts: {
      ...store.artifacts,
      async commit(folder, kind, facts) {
        workspace.secrets.refuseIn(folder, facts);
        return store.artifacts.commit(folder, kind, facts);
      },
    },
    results: store.results,
    journal: world.journal,
    reporters: world.reporters,
    clock: systemClock(),
    origin: world.origin,
    requests: requestsOf(store),
    // The lock of the pipeline and profile is enough where nobody else can see the store. An earlier attempt of this run counts as well.
    hold: store.sharing?.hold ?? (async () => ({ past: pastOf(store.runs), check: async () => undefined, release: async () => undefined })),
    random: Math.random,
    attempt(node, attempt) {
      // Some file systems do not tell `Model` from `model`.
      const name = `${node.replace(/[^A-Za-z0-9._-]/g, '_').slice(0, 100)}-${sha256(node).slice(0, 8)}`;
      const folder = join(work, `${name}-${attempt}`);
      const out = join(folder, filesFolder);
      store.disk.makeScratch(out);
      return { out, remove: () => store.disk.discard(folder) };
    },
    runStage(given) {
      const { name } = given.node;
      const onChild = (child: StartedChild): void =>
        // A line that cannot be written must not end the process; the next event reports the same disk, and the child dies with us either way.
        void world.journal.append({ ...child, type: 'child-started', node: name }).catch((error) => given.log.warn(String(error)));
      const programs = processesFor(given.signal, given.log, onChild);
      if (!needsHost(given.node, config)) return runHere(given, planned.options(given.node), programs);
      return runInHost(given, { config: config.file, root: config.root, profile: workspace.profile }, programs.process, onChild);
    },
  };
}
