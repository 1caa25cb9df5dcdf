import type { Graph, GraphNode } from '../plan/graph.ts';
import { failure, ModelflowError } from '../spec/diagnostic.ts';
import type { ArtifactStore, StoredArtifact } from '../spec/port.ts';

/** What is needed to make a damaged artifact again in the run that found it. */
export interface Mending {
  readonly graph: Graph;
  readonly artifacts: ArtifactStore;
  /** What this run has made or found so far. */
  readonly made: ReadonlyMap<string, StoredArtifact>;
  make(node: GraphNode): Promise<StoredArtifact>;
}

/**
 * Makes a node; when it meets an input whose bytes are damaged, makes that input again first, and what that needs. The damaged bytes are in
 * quarantine by then. MF6005 when the input comes out otherwise than it was: what else has read it in this run has read something else.
 */
export function mender(mending: Mending): (node: GraphNode) => Promise<StoredArtifact> {
  const { graph, artifacts, made } = mending;
  // Two that read the same damaged input wait for the same new one.
  const mended = new Map<string, Promise<StoredArtifact>>();
  const again = async (node: GraphNode): Promise<void> => {
    const before = made.get(node.name);
    if (before === undefined || (await artifacts.open(before.digest))) return;
    const making = mended.get(node.name) ?? make(node);
    mended.set(node.name, making);
    const after = await making;
    if (after.digest === before.digest) return;
    throw failure('MF6005', `the artifact of \`${node.name}\` was damaged, and came out otherwise when it was made again`, {
      hint: 'Run again: what depends on it is then made of the new one.',
    });
  };
  const make = async (node: GraphNode): Promise<StoredArtifact> => {
    try {
      return await mending.make(node);
    } catch (error) {
      if (!(error instanceof ModelflowError) || !error.diagnostics.some(({ code }) => code === 'MF6005')) throw error;
      for (const name of new Set(node.edges.map(({ from }) => from))) {
        const producer = graph.byName.get(name);
        if (producer) await again(producer);
      }
      return mending.make(node);
    }
  };
  return make;
}
