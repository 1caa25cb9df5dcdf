import { planOf } from '../../core/cli/commands/plan.ts';
import { enginePorts } from '../../core/cli/engine-ports.ts';
import { secretsOf } from '../../core/cli/secrets.ts';
import { beginSession } from '../../core/cli/session.ts';
import { openStore, type Workspace } from '../../core/cli/workspace.ts';
import { type RunResult, run } from '../../core/engine/run.ts';
import { definePipeline, type Wanted } from '../../core/index.ts';
import { type Graph, type GraphNode, graphOf } from '../../core/plan/graph.ts';
import type { RunEvent } from '../../core/spec/event.ts';
import { digestMemory } from '../../core/store/digest-memory.ts';
import { realDisk } from '../../core/store/disk.ts';
import type { FileSystem } from '../../core/store/file-system.ts';
import type { LockWorld } from '../../core/store/lock.ts';
import type { Random } from './random.ts';

/** The command line as one function: `modelflow run` in this process, on a disk and in a world that the test decides over. */
export interface SimulatedRun {
  readonly root: string;
  readonly files: FileSystem;
  readonly wanted: Wanted;
  readonly random: Random;
  readonly concurrency: number;
  readonly keepGoing: boolean;
  /** Told of each event that `append` has answered for: from then on it must never be lost. */
  acknowledged(event: RunEvent): void;
}

export type Ended = { readonly result: RunResult } | { readonly thrown: unknown };

export async function simulateRun(given: SimulatedRun): Promise<Ended> {
  try {
    return { result: await runOnce(given) };
  } catch (thrown) {
    return { thrown };
  }
}

async function runOnce(given: SimulatedRun): Promise<RunResult> {
  const { signal } = new AbortController();
  const workspace = workspaceOn(given.root, given.files, graphOf(given.wanted));
  const session = beginSession(workspace, oneOfMany(), () => ({ by: 'test', commit: undefined }));
  try {
    const plan = await planOf(workspace, { only: [], force: [] }, signal);
    const ports = enginePorts(workspace, { ...session, reporters: [], signal });
    const within = new Set(workspace.graph.byName.keys());
    return await run(
      {
        run: session.run,
        modelflow: '0',
        graph: workspace.graph,
        within,
        forced: new Set(),
        plan,
        planDigest: '',
        policies: [],
        approve: new Set(),
        capacity: { cpu: given.concurrency, memoryBytes: 0 },
        keepGoing: given.keepGoing,
        signal,
        pick: (ready: readonly GraphNode[]) => Math.floor(given.random() * ready.length),
      },
      {
        ...ports,
        random: given.random,
        // Pauses between tries are over at once.
        clock: { now: () => new Date(), pause: async () => undefined },
        journal: {
          async append(event) {
            const written = await ports.journal.append(event);
            given.acknowledged(written);
            return written;
          },
        },
      },
    );
  } finally {
    await session.end(signal);
  }
}

/** Each simulated process is dead by the time the next one begins. */
function oneOfMany(): LockWorld {
  const me = { pid: 1, startedAt: String(Math.random()), host: 'here', boot: 'this', user: 'test', command: 'run', since: 'now' };
  return { me, isAlive: () => false };
}

export function storeOn(root: string, files: FileSystem): ReturnType<typeof openStore> {
  return openStore(`${root}/.modelflow`, 'scripted/default', realDisk(files));
}

function workspaceOn(root: string, files: FileSystem, graph: Graph): Workspace {
  const pipeline = definePipeline({ name: 'scripted', build: () => ({}) });
  const config = { pipeline, file: `${root}/deploy.config.ts`, root, isUsers: () => false, codeDigest: async () => '' };
  return {
    config: config as never,
    profile: 'default',
    graph,
    policies: [],
    warnings: [],
    secrets: secretsOf(root, () => undefined),
    store: storeOn(root, files),
    digests: digestMemory(undefined),
  };
}
