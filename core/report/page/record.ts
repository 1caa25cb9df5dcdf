import type { NodeView } from '../../plan/node-view.ts';
import type { RunView } from '../../plan/view.ts';
import type { ArtifactKind } from '../../spec/artifact.ts';
import type { RunEvent } from '../../spec/event.ts';
import type { DrawnGraph } from '../graph-shape.ts';

/** What of a kind a page shows. */
export type ShownKind = Pick<ArtifactKind, 'name' | 'headlines' | 'charts'>;

/** The facts of the release before this run. */
export interface Baseline {
  readonly run: string;
  readonly at: string;
  /** By node. */
  readonly facts: ReadonlyMap<string, unknown>;
}

export type Approval = Extract<RunEvent, { type: 'approval-given' }>;

/** All a page is made of: a run, the graph it belongs to, and what the kinds of its artifacts say of themselves. */
export interface RunFacts {
  readonly view: RunView;
  readonly graph: DrawnGraph;
  readonly kinds: ReadonlyMap<string, ShownKind>;
  /** Undefined when nothing was released before. */
  readonly baseline: Baseline | undefined;
  /** `node` and file name → what stands in that JSON file of its artifact; only files that a chart names. */
  file(node: string, name: string): unknown;
  /** Approvals that were given for what this run does. */
  readonly approvals: readonly Approval[];
  readonly by: string | undefined;
  readonly commit: string | undefined;
  readonly planDigest: string | undefined;
  /** A run without an outcome: is its process still there? */
  readonly isAlive: boolean;
  /** Places in the user's files are shown relative to this folder. */
  readonly root: string;
}

/** A node as the page shows it. `index` is its place in the page: anchors are made of it, never of names. */
export interface PageNode {
  readonly index: number;
  readonly name: string;
  readonly kind: string;
  readonly view: NodeView;
}

/** The same with its nodes in the order of the page. */
export interface RunRecord extends RunFacts {
  readonly nodes: readonly PageNode[];
  readonly byName: ReadonlyMap<string, PageNode>;
}

export function runRecord(facts: RunFacts): RunRecord {
  const nodes = pageNodes(facts);
  return { ...facts, nodes, byName: new Map(nodes.map((node) => [node.name, node])) };
}

/** In the order of the graph; nodes of the run that the configuration does not have any more come last. */
function pageNodes(record: RunFacts): readonly PageNode[] {
  const kinds = new Map(record.graph.nodes.map((node) => [node.name, node.kind]));
  const names = [
    ...kinds.keys().filter((name) => record.view.nodes.has(name)),
    ...record.view.nodes.keys().filter((name) => !kinds.has(name)),
  ];
  return names.flatMap((name, index) => {
    const view = record.view.nodes.get(name);
    return view ? [{ index, name, kind: kinds.get(name) ?? '', view: asItIs(view, record) }] : [];
  });
}

/** A run that was killed could not write that its nodes stopped. */
function asItIs(view: NodeView, { view: run, isAlive }: RunFacts): NodeView {
  const isOver = run.outcome !== undefined || !isAlive;
  if (!isOver || (view.state !== 'running' && view.state !== 'retrying')) return view;
  const attempts = view.attempts.map((each) => (each.state === 'running' ? { ...each, state: 'stopped' as const, endedAt: run.at } : each));
  return { ...view, state: 'stopped', attempts };
}
