import type { Graph, GraphNode } from '../plan/graph.ts';

export type NodeState = 'waiting' | 'running' | 'done' | 'failed' | 'skipped';

/** Which node may run when: state only, no time and no promises, so that it can be reasoned about and tested alone. */
export interface Schedule {
  /** A node whose inputs and gates are all done and that there is room for, if there is one; it is running from then on. A lighter one may overtake a heavier one. */
  take(hasRoom: (node: GraphNode) => boolean): GraphNode | undefined;
  done(name: string): void;
  /** Returns what can no longer be made because of it, each with the failed nodes it waits for. */
  failed(name: string): readonly { readonly node: string; readonly because: readonly string[] }[];
  /** Nothing more is started; returns what was still waiting. */
  close(): readonly string[];
  readonly isClosed: boolean;
}

/** `pick` chooses among the ready ones that there is room for: in order in production, shuffled under test, so that a missing edge shows. */
export function scheduleOf(graph: Graph, within: ReadonlySet<string>, pick?: (ready: readonly GraphNode[]) => number): Schedule {
  const waitsFor = new Map<string, Set<string>>();
  const neededBy = new Map<string, string[]>();
  const state = new Map<string, NodeState>();
  const ready: GraphNode[] = [];
  let isClosed = false;
  for (const node of graph.nodes) {
    if (!within.has(node.name)) continue;
    const needs = new Set(node.edges.map((edge) => edge.from));
    state.set(node.name, 'waiting');
    waitsFor.set(node.name, needs);
    for (const from of needs) {
      const already = neededBy.get(from);
      if (already) already.push(node.name);
      else neededBy.set(from, [node.name]);
    }
    if (needs.size === 0) ready.push(node);
  }
  return {
    take(hasRoom) {
      if (isClosed) return undefined;
      const fitting = pick ? ready.filter(hasRoom) : [];
      const node = pick ? fitting[pick(fitting)] : ready.find(hasRoom);
      if (node === undefined) return undefined;
      ready.splice(ready.indexOf(node), 1);
      state.set(node.name, 'running');
      return node;
    },
    done(name) {
      state.set(name, 'done');
      for (const next of neededBy.get(name) ?? []) {
        const needs = waitsFor.get(next);
        needs?.delete(name);
        const node = graph.byName.get(next);
        if (needs?.size === 0 && node && state.get(next) === 'waiting') ready.push(node);
      }
    },
    failed(name) {
      state.set(name, 'failed');
      const skipped: { node: string; because: string[] }[] = [];
      const queue = [name];
      for (let at = 0; at < queue.length; at++) {
        for (const next of neededBy.get(queue[at] as string) ?? []) {
          if (state.get(next) !== 'waiting') continue;
          state.set(next, 'skipped');
          skipped.push({ node: next, because: [name] });
          queue.push(next);
        }
      }
      return skipped;
    },
    close() {
      isClosed = true;
      const left = [...state].filter(([, each]) => each === 'waiting').map(([name]) => name);
      for (const name of left) state.set(name, 'skipped');
      return left;
    },
    get isClosed() {
      return isClosed;
    },
  };
}
