import type { Diagnostic } from '../spec/diagnostic.ts';
import { gateRefs } from '../spec/gate.ts';
import type { Wanted } from '../spec/pipeline.ts';
import type { Ref, StageNode } from '../spec/ref.ts';

/** Warnings (MF1104) for the stages that were called and that nothing returned depends on. Of a dead branch only its end is named. */
export function deadEnds(wanted: Wanted, called: readonly StageNode[]): readonly Diagnostic[] {
  const alive = new Set<StageNode>(Object.values(wanted).map((ref) => ref.node));
  for (const node of alive) for (const ref of neededBy(node)) alive.add(ref.node);
  const dead = called.filter((node) => !alive.has(node));
  const used = new Set(dead.flatMap((node) => neededBy(node).map((ref) => ref.node)));
  return dead.filter((node) => !used.has(node)).map(warning);
}

function neededBy(node: StageNode): readonly Ref[] {
  return [...Object.values(node.inputs).flat(), ...node.gates.flatMap(gateRefs)];
}

function warning(node: StageNode): Diagnostic {
  const at = node.place();
  return {
    code: 'MF1104',
    severity: 'warning',
    message: `${node.stage.name}: the result is not used, so this stage will never run`,
    hint: 'Return it from `build`, pass it to another stage, or delete the call.',
    ...(at ? { at } : {}),
  };
}
