import { failure } from '../spec/diagnostic.ts';
import { gateRefs } from '../spec/gate.ts';
import type { Wanted } from '../spec/pipeline.ts';
import type { Ref, StageNode } from '../spec/ref.ts';

/** One input of a node: the slot, and the node that fills it. A list slot gives several edges, in order. */
export interface Edge {
  readonly slot: string;
  readonly from: string;
  readonly isGate: boolean;
}

export interface GraphNode {
  readonly name: string;
  /** The configuration returns it under this name; otherwise the name was made from its consumer's. */
  readonly isNamed: boolean;
  readonly node: StageNode;
  readonly edges: readonly Edge[];
}

/** The nodes in an order in which every input comes before its consumer. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly byName: ReadonlyMap<string, GraphNode>;
  /** Further names that the configuration returns a node under → the one that it goes by. */
  readonly aliases: ReadonlyMap<string, string>;
  nameOf(ref: Ref): string;
}

interface Link {
  readonly slot: string;
  readonly to: StageNode;
  readonly isGate: boolean;
}

/** Walks back from what the configuration returned. Iterative throughout: a chain of 10 000 stages must not overflow the stack. */
export function graphOf(wanted: Wanted): Graph {
  const links = new Map<StageNode, readonly Link[]>();
  const names = nameNodes(wanted, links);
  const named = new Set(Object.values(wanted).map((ref) => ref.node));
  const order = orderOf(names, links);
  const nameOf = (node: StageNode): string => names.get(node) ?? '?';
  const nodes = order.map(
    (node): GraphNode => ({
      name: nameOf(node),
      isNamed: named.has(node),
      node,
      edges: (links.get(node) ?? []).map(({ slot, to, isGate }) => ({ slot, from: nameOf(to), isGate })),
    }),
  );
  return {
    nodes,
    byName: new Map(nodes.map((node) => [node.name, node])),
    aliases: new Map(Object.entries(wanted).flatMap(([name, ref]) => (name === nameOf(ref.node) ? [] : [[name, nameOf(ref.node)]]))),
    nameOf: (ref) => nameOf(ref.node),
  };
}

/** Returned keys are names; an inner node is called after the first named node that needs it, and the slot: `int8.model`. */
function nameNodes(wanted: Wanted, links: Map<StageNode, readonly Link[]>): ReadonlyMap<StageNode, string> {
  const names = new Map<StageNode, string>();
  const owners = new Map<StageNode, string>();
  const freeName = freeNames(new Set(Object.keys(wanted)));
  const queue: StageNode[] = [];
  for (const [name, ref] of Object.entries(wanted)) {
    if (names.has(ref.node)) continue;
    names.set(ref.node, name);
    owners.set(ref.node, name);
    queue.push(ref.node);
  }
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at] as StageNode;
    const owner = owners.get(node) ?? '?';
    const out = linksOf(node);
    links.set(node, out);
    for (const { slot, to } of out) {
      if (names.has(to)) continue;
      names.set(to, freeName(`${owner}.${slot}`));
      owners.set(to, owner);
      queue.push(to);
    }
  }
  return names;
}

/** Gives each wish once as it is, then with 2, 3, … behind it. Remembers where it was, since thousands may have the same wish. */
function freeNames(taken: Set<string>): (wish: string) => string {
  const counts = new Map<string, number>();
  return (wish) => {
    let count = counts.get(wish) ?? 1;
    let name = count === 1 ? wish : `${wish}${count}`;
    while (taken.has(name)) name = `${wish}${++count}`;
    counts.set(wish, count);
    taken.add(name);
    return name;
  };
}

function linksOf(node: StageNode): readonly Link[] {
  const slots = Object.entries(node.inputs).flatMap(([slot, given]) => {
    const refs: readonly Ref[] = Array.isArray(given) ? given : [given as Ref];
    return refs.map((ref) => ({ slot, to: ref.node, isGate: false }));
  });
  const gates = node.gates.flatMap((gate) => gateRefs(gate).map((ref) => ({ slot: 'gate', to: ref.node, isGate: true })));
  return [...slots, ...gates];
}

function orderOf(names: ReadonlyMap<StageNode, string>, links: ReadonlyMap<StageNode, readonly Link[]>): readonly StageNode[] {
  const order: StageNode[] = [];
  const state = new Map<StageNode, 'open' | 'done'>();
  for (const root of names.keys()) {
    const stack: { readonly node: StageNode; next: number }[] = [{ node: root, next: 0 }];
    while (stack.length > 0) {
      const top = stack[stack.length - 1] as { readonly node: StageNode; next: number };
      if (state.get(top.node) === 'done') {
        stack.pop();
        continue;
      }
      state.set(top.node, 'open');
      const link = (links.get(top.node) ?? [])[top.next++];
      if (link === undefined) {
        state.set(top.node, 'done');
        order.push(top.node);
        stack.pop();
      } else if (state.get(link.to) === 'open') {
        throw failure('MF2001', `\`${names.get(link.to)}\` needs its own result, through \`${names.get(top.node)}\``, {
          hint: 'Make refs only by calling stages.',
        });
      } else if (state.get(link.to) === undefined) {
        stack.push({ node: link.to, next: 0 });
      }
    }
  }
  return order;
}

/** The named nodes and everything that is made of them, or waits for a gate on them. */
export function downstreamOf(graph: Graph, names: readonly string[]): ReadonlySet<string> {
  const found = new Set(names);
  // Every input comes before its consumer, so once through is enough.
  for (const node of graph.nodes) if (node.edges.some((edge) => found.has(edge.from))) found.add(node.name);
  return found;
}

/** The named nodes and everything they need. */
export function upstreamOf(graph: Graph, names: readonly string[]): ReadonlySet<string> {
  const wanted = new Set<string>();
  const queue = [...names];
  for (let at = 0; at < queue.length; at++) {
    const name = queue[at] as string;
    if (wanted.has(name)) continue;
    wanted.add(name);
    for (const edge of graph.byName.get(name)?.edges ?? []) queue.push(edge.from);
  }
  return wanted;
}
