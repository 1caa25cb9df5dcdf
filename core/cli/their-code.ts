import { diagnosticsOf } from '../engine/failure.ts';
import type { GraphNode } from '../plan/graph.ts';
import { ModelflowError } from '../spec/diagnostic.ts';

/** Asks a stage or a target something outside of `run`: what it throws is a failure of its own and never looks like a bug of ours. */
export async function inTheirCode<T>(node: GraphNode, what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    // Whoever stopped the command is told that it stopped.
    if (error instanceof ModelflowError || (error instanceof Error && error.name === 'AbortError')) throw error;
    const at = node.node.place();
    const diagnostics = diagnosticsOf(error, `\`${what}\` of ${node.node.stage.name}`, node.name);
    throw new ModelflowError(
      diagnostics.map((each) => ({ ...each, ...(at ? { at } : {}) })),
      { cause: error },
    );
  }
}
