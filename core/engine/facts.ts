import { canonicalJson, notJson } from '../plan/canonical.ts';
import type { GraphNode } from '../plan/graph.ts';
import { failure } from '../spec/diagnostic.ts';

/** What a stage returned, as the next run will read it from the store: what comes after must not see anything else today. MF3004 when it does not fit. */
export function checkFacts(node: GraphNode, facts: unknown): unknown {
  const { name, output } = node.node.stage;
  const parsed = output.facts.safeParse(facts);
  const [issue] = parsed.error?.issues ?? [];
  const lost = parsed.success ? notJson(parsed.data) : `${issue?.path.join('.') || 'the value'}: ${issue?.message ?? ''}`;
  if (lost === undefined) return JSON.parse(canonicalJson(parsed.data));
  const hint = parsed.success ? 'Facts are kept as JSON: finite numbers, texts, booleans, null, lists and tables of these.' : undefined;
  throw failure(
    'MF3004',
    `\`${node.name}\` (${name}) returned facts that do not fit ${output.name}: ${lost}`,
    hint === undefined ? {} : { hint },
  );
}
