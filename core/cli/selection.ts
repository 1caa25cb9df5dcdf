import { downstreamOf, type Graph, upstreamOf } from '../plan/graph.ts';
import { failure } from '../spec/diagnostic.ts';
import { named } from './workspace.ts';

/** Which part of the pipeline is meant, in words from the command line: node names and stage names. */
export interface SelectionWords {
  /** These and what they need; everything when there are none. */
  readonly only: readonly string[];
  /** These and all that is made of them, once more; with what that needs. */
  readonly from?: readonly string[];
  /** Made again although there is a result; `true`: all that is looked at. */
  readonly force: readonly string[] | true;
}

export interface Selection {
  readonly within: ReadonlySet<string>;
  readonly forced: ReadonlySet<string>;
}

/** The nodes that are meant. MF1207 for words of which one undoes the other, instead of leaving one of them out. */
export function selectionOf(graph: Graph, { only, from = [], force }: SelectionWords): Selection {
  if (force === true && from.length > 0)
    throw failure('MF1207', '--force without names makes everything again, and --from says where to begin', {
      hint: 'Leave out one of the two.',
    });
  const wanted = only.length > 0 ? upstreamOf(graph, namesOf(graph, only)) : undefined;
  const after = from.length > 0 ? downstreamOf(graph, namesOf(graph, from)) : undefined;
  const within = wanted ?? (after ? upstreamOf(graph, [...after]) : new Set(graph.byName.keys()));
  refuseOutside(graph, '--from', from, within);
  if (force === true) return { within, forced: within };
  refuseOutside(graph, '--force', force, within);
  // What deploys is compared with what is live, as always: a release that was refused is deployed again only by its own --force.
  const again = [...(after ?? [])].filter((name) => within.has(name) && graph.byName.get(name)?.node.stage.deploys === undefined);
  return { within, forced: new Set([...again, ...namesOf(graph, force)]) };
}

function namesOf(graph: Graph, words: readonly string[]): readonly string[] {
  return words.flatMap((word) => named(graph, word));
}

/** A stage name may stand for several nodes: one among them is enough. */
function refuseOutside(graph: Graph, option: string, words: readonly string[], within: ReadonlySet<string>): void {
  const outside = words.filter((word) => !named(graph, word).some((name) => within.has(name)));
  if (outside.length === 0) return;
  throw failure('MF1207', `${option} ${outside.join(' ')}: not among the stages that --only or --from take`, {
    hint: `They are: ${[...within].join(', ')}.`,
  });
}
