import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EnginePorts } from '../engine/ports.ts';
import { liveChange, releasedDigest } from '../engine/rollout.ts';
import { fingerprintFormat, plainOptions, type SourceDigest, sourcesIn } from '../plan/fingerprint.ts';
import type { GraphNode } from '../plan/graph.ts';
import type { Inputs, PlanPorts } from '../plan/plan.ts';
import { failure, ModelflowError } from '../spec/diagnostic.ts';
import { isMonitor } from '../spec/monitor.ts';
import type { FingerprintParts } from '../spec/plan.ts';
import type { Log, StoredArtifact } from '../spec/port.ts';
import { isSource, type Source } from '../spec/source.ts';
import type { Placement, StageContext } from '../spec/stage.ts';
import { isTarget } from '../spec/target.ts';
import { filesFolder } from '../store/artifacts.ts';
import { digestSource } from '../store/digest.ts';
import { systemClock } from '../world/clock.ts';
import { processesFor, type RunWorld } from './processes.ts';
import type { Workspace } from './workspace.ts';

const silent: Log = { info: () => undefined, warn: () => undefined, progress: () => undefined };

/** The planner's questions, answered from the store, the user's files and the live world. */
export function planPorts(
  workspace: Workspace,
  signal: AbortSignal,
): PlanPorts & Pick<EnginePorts, 'past' | 'options' | 'sourcesUnchanged' | 'targetContext'> {
  const { store, config } = workspace;
  const past = store.past();
  const digests = sourceDigests();
  const codeDigests = new Map<string, Promise<string>>();
  const options = (node: GraphNode): Readonly<Record<string, unknown>> =>
    withAbsolutePaths(node.node.options, config.root) as Readonly<Record<string, unknown>>;
  const targetContext: EnginePorts['targetContext'] = (target, aborted, log) => ({
    settings: target.settings,
    signal: aborted,
    log,
    stateFolder: join(store.root, 'services', store.scope),
  });
  const plain = async (node: GraphNode, read: (source: Source, shown: string) => Promise<SourceDigest>): Promise<unknown> => {
    const found = new Map<string, SourceDigest>();
    for (const source of sourcesIn(node.node.options))
      found.set(source.path, await read({ ...source, path: resolve(config.root, source.path) }, source.path).catch(atNode(node)));
    return plainOptions(node.node.options, (source) => found.get(source.path) as SourceDigest);
  };
  return {
    past,
    options,
    targetContext,
    history: (name) => past.nodes.get(name),
    async parts(node, inputs) {
      const { stage } = node.node;
      const code: Record<string, string> = {};
      for (const url of stage.code ?? [])
        code[basename(url.pathname)] = await remembered(codeDigests, url.href, () => digestPath(fileURLToPath(url)));
      const definedIn = node.node.definedAt()?.file;
      if (definedIn !== undefined && config.isUsers(definedIn))
        code['stage'] = await remembered(codeDigests, definedIn, () => config.codeDigest(definedIn));
      return {
        format: fingerprintFormat,
        stage: stage.name,
        version: stage.version,
        code,
        tools: (await stage.tools?.()) ?? {},
        options: await plain(node, digests),
        inputs: Object.fromEntries(Object.entries(inputs).map(([slot, given]) => [slot, digestsOf(given)])),
      } satisfies FingerprintParts;
    },
    async sourcesUnchanged(node, parts) {
      const now = await plain(node, digestSource);
      if (JSON.stringify(now) !== JSON.stringify(parts.options)) {
        throw failure('MF3003', `a source of \`${node.name}\` changed while the stage read it`, { hint: 'Nothing was stored. Run again.' });
      }
    },
    async made(fingerprint) {
      const result = await store.results.find(fingerprint);
      const artifact = result && (await store.artifacts.open(result.digest));
      return artifact && { artifact, durationMs: result.durationMs };
    },
    async standing(node, made, inputs) {
      const { verify } = node.node.stage;
      if (!verify) return { holds: true };
      return verify(made as never, { inputs: inputs as StageContext['inputs'], options: options(node) as never, signal, log: silent });
    },
    async live(node, stamp, what) {
      const placement = placementOf(node, options(node));
      const { target, service } = placement;
      const live = await target.def.read(targetContext(target, signal, silent), service);
      const refused = stamp === undefined ? undefined : past.refused.get(stamp);
      return liveChange(placement, live, stamp, what?.digest, { was: releasedDigest({ past }, target, live), refused });
    },
  };
}

/** Where a node deploys to. Only asked of nodes that deploy. */
export function placementOf(node: GraphNode, options: Readonly<Record<string, unknown>>): Placement {
  const placement = node.node.stage.deploys?.(options as never);
  if (!placement) throw new Error(`${node.name} does not deploy`);
  return placement;
}

/** A missing file is a mistake in the configuration: its place is where the stage was called. */
function atNode(node: GraphNode): (error: unknown) => never {
  return (error) => {
    const at = node.node.place();
    if (!(error instanceof ModelflowError) || !at) throw error;
    const diagnostics = error.diagnostics.map((each) => ({
      ...each,
      message: `${node.node.stage.name}: ${each.message}`,
      at: each.at ?? at,
    }));
    throw new ModelflowError(diagnostics, { cause: error });
  };
}

function digestsOf(given: Inputs[string]): string | readonly string[] {
  return Array.isArray(given) ? (given as readonly StoredArtifact[]).map((each) => each.digest) : (given as StoredArtifact).digest;
}

/** A file that a stage names as its code. MF1107 when it is not there. */
async function digestPath(path: string): Promise<string> {
  return (await digestSource({ source: 'file', path }, path)).digest;
}

function remembered<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = memory.get(key);
  if (known) return known;
  const made = make();
  memory.set(key, made);
  return made;
}

/** Within one command a file is read once, as long as its size and times stay. */
function sourceDigests(): (source: Source, shown: string) => Promise<SourceDigest> {
  const memory = new Map<string, Promise<SourceDigest>>();
  return (source, shown) => {
    const entry = source.source === 'file' ? statSync(source.path, { bigint: true, throwIfNoEntry: false }) : undefined;
    if (!entry) return digestSource(source, shown);
    return remembered(memory, `${source.path}:${entry.size}:${entry.mtimeNs}:${entry.ctimeNs}:${entry.ino}`, () =>
      digestSource(source, shown),
    );
  };
}

function withAbsolutePaths(options: unknown, root: string): unknown {
  if (isSource(options)) return { source: options.source, path: resolve(root, options.path) };
  if (isTarget(options) || isMonitor(options)) return options;
  if (Array.isArray(options)) return options.map((item) => withAbsolutePaths(item, root));
  if (typeof options === 'object' && options !== null && Object.getPrototypeOf(options) === Object.prototype) {
    return Object.fromEntries(Object.entries(options).map(([key, value]) => [key, withAbsolutePaths(value, root)]));
  }
  return options;
}

/** All the engine needs. The heavy parts are loaded when a stage first asks for them. */
export function enginePorts(workspace: Workspace, world: RunWorld): EnginePorts {
  const { store } = workspace;
  const work = join(store.root, 'work', store.scope, world.run);
  return {
    ...planPorts(workspace, world.signal),
    artifacts: store.artifacts,
    results: store.results,
    journal: world.journal,
    reporters: world.reporters,
    clock: systemClock(),
    origin: world.origin,
    random: Math.random,
    attempt(node, attempt) {
      const folder = join(work, `${node.replace(/[^A-Za-z0-9._-]/g, '_')}-${attempt}`);
      const out = join(folder, filesFolder);
      store.disk.remove(folder);
      store.disk.makeFolder(out);
      return { out, remove: () => store.disk.remove(folder) };
    },
    processes: (node, signal, log) => processesFor(node, signal, log, world),
  };
}
