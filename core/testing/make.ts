import { chmod, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { notJson } from '../plan/canonical.ts';
import type { Artifact } from '../spec/artifact.ts';
import type { Log } from '../spec/port.ts';
import { isRef, type Ref, type StageContext, type StageNode } from '../spec/ref.ts';
import { type Secret, secretWith } from '../spec/secret.ts';
import { digestFolder, type FileDigest } from '../store/digest.ts';
import { userCacheFolder } from '../world/cache-folder.ts';
import { forStage } from '../world/for-stage.ts';
import { processRunner } from '../world/process.ts';
import { pythonRunner } from '../world/python.ts';

/** What came of a stage: the artifact, and each of its files by digest. */
export interface Made {
  readonly artifact: Artifact;
  readonly files: readonly FileDigest[];
}

/** A folder in which stages are run as the engine runs them, without a store. */
export interface Workshop {
  /** Makes what the ref promises, and all it needs; each node once. */
  make(ref: Ref): Promise<Made>;
  /** Runs only the ref's own stage, again, in a folder of its own. */
  again(ref: Ref, signal?: AbortSignal): Promise<Made>;
  readonly folder: string;
  close(): Promise<void>;
}

export const silent: Log = { info: () => undefined, warn: () => undefined, progress: () => undefined };

export async function openWorkshop(): Promise<Workshop> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'modelflow-suite-')));
  const made = new Map<StageNode, Promise<Made>>();
  let count = 0;
  const make = (ref: Ref): Promise<Made> => {
    const known = made.get(ref.node) ?? again(ref);
    made.set(ref.node, known);
    return known;
  };
  const again = async (ref: Ref, signal: AbortSignal = new AbortController().signal): Promise<Made> => {
    const inputs = await inputsOf(ref.node, make);
    const out = join(folder, String(count++), 'files');
    await mkdir(out, { recursive: true });
    return runNode(ref.node, inputs, out, signal);
  };
  return { make, again, folder, close: () => rm(folder, { recursive: true, force: true }) };
}

/** Options and settings as the engine hands them on. A test has no secrets: each reveals the same text. */
export function asGiven(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const opened = (secret: Secret): Secret => secretWith(secret, () => 'a-secret-of-the-suite');
  return forStage(options, globalThis.process.cwd(), opened) as Readonly<Record<string, unknown>>;
}

async function inputsOf(
  node: StageNode,
  make: (ref: Ref) => Promise<Made>,
): Promise<Readonly<Record<string, Artifact | readonly Artifact[]>>> {
  const artifact = async (ref: Ref): Promise<Artifact> => (await make(ref)).artifact;
  const entries = Object.entries(node.inputs).map(
    async ([slot, given]) => [slot, isRef(given) ? await artifact(given) : await Promise.all(given.map(artifact))] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function runNode(node: StageNode, inputs: Readonly<Record<string, unknown>>, out: string, signal: AbortSignal): Promise<Made> {
  const process = processRunner({ signal });
  const context = {
    inputs,
    options: asGiven(node.options),
    out,
    signal,
    log: silent,
    process,
    python: pythonRunner({ process, log: silent, signal, cacheFolder: userCacheFolder() }),
  };
  const { name, output, run } = node.stage;
  const facts = output.facts.parse(await run(context as unknown as StageContext));
  const lost = notJson(facts);
  if (lost !== undefined) throw new Error(`${name} returned facts that JSON cannot hold: ${lost}`);
  const files = await digestFolder(out);
  // As in the store: what comes after may read it and nothing else.
  for (const file of files) await chmod(join(out, file.path), 0o444);
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { artifact: { kind: output.name, digest: '0'.repeat(64), path: out, sizeBytes, facts }, files };
}
