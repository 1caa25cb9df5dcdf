import { checkFacts } from '../engine/facts.ts';
import type { StageWork } from '../engine/ports.ts';
import type { ProcessRunner, PythonRunner } from '../spec/port.ts';
import type { StageContext } from '../spec/ref.ts';

/** Calls the stage in this process: the built-in stages in that of the CLI, a user's own in the one that hosts it. */
export async function runHere(
  work: Omit<StageWork, 'parts'>,
  options: Readonly<Record<string, unknown>>,
  programs: { readonly process: ProcessRunner; readonly python: PythonRunner },
): Promise<unknown> {
  const { node, inputs, out, signal, log, live } = work;
  const context = { inputs, options, out, signal, log, ...programs, ...(live ? { live } : {}) };
  // The inputs were checked against the slots and the options parsed by the stage's own schema when the configuration called it.
  return checkFacts(node, await node.node.stage.run(context as unknown as StageContext));
}
