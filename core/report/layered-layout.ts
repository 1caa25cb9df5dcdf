import { type DrawnGraph, type GraphLayout, margin, nodeHeight, type Point } from './graph-shape.ts';

const gapAcross = 72;
const gapDown = 14;
const sweeps = 4;

/** A plain layered layout in linear time, for graphs that the fine one takes too long for: columns by depth, rows near those they come from. */
export function layeredLayout(graph: DrawnGraph, widths: readonly number[]): GraphLayout {
  const index = new Map(graph.nodes.map((node, at) => [node.name, at]));
  const links = graph.edges.map(({ from, to }) => [index.get(from) ?? 0, index.get(to) ?? 0] as const);
  const columns = columnsOf(graph.nodes.length, links);
  settleRows(columns, graph.nodes.length, links);
  const nodes: (Point & { readonly width: number })[] = [];
  let left = margin;
  let height = 0;
  const tallest = Math.max(...columns.map((column) => column.length));
  for (const column of columns) {
    const width = Math.max(...column.map((at) => widths[at] ?? 0));
    // A short column stands in the middle of its neighbours.
    const top = margin + ((tallest - column.length) * (nodeHeight + gapDown)) / 2;
    for (const [row, at] of column.entries())
      nodes[at] = { x: left + width / 2, y: top + row * (nodeHeight + gapDown) + nodeHeight / 2, width: widths[at] ?? 0 };
    height = Math.max(height, margin * 2 + tallest * (nodeHeight + gapDown) - gapDown);
    left += width + gapAcross;
  }
  const edges = links.map(([from, to]) => edgeBetween(nodes[from] as Point & { width: number }, nodes[to] as Point & { width: number }));
  return { width: Math.ceil(left - gapAcross + margin), height: Math.ceil(height), nodes, edges };
}

/** A node stands one column behind the last of those it needs. The nodes come in an order in which inputs are first. */
function columnsOf(count: number, links: readonly (readonly [number, number])[]): number[][] {
  const depth = new Array<number>(count).fill(0);
  const into: number[][] = Array.from({ length: count }, () => []);
  for (const [from, to] of links) into[to]?.push(from);
  for (let at = 0; at < count; at++) depth[at] = Math.max(0, ...(into[at] ?? []).map((from) => (depth[from] ?? 0) + 1));
  const columns: number[][] = [];
  for (const [at, level] of depth.entries()) {
    columns[level] ??= [];
    columns[level].push(at);
  }
  return columns.map((column) => column ?? []);
}

/** Orders each column by the mean row of the neighbours, forth and back: few crossings, not the fewest. */
function settleRows(columns: number[][], count: number, links: readonly (readonly [number, number])[]): void {
  const near = [0, 1].map((side) => {
    const list: number[][] = Array.from({ length: count }, () => []);
    for (const link of links) list[link[1 - side] as number]?.push(link[side] as number);
    return list;
  });
  const row = new Array<number>(count).fill(0);
  const number = (column: readonly number[]): void => {
    for (const [at, node] of column.entries()) row[node] = at - column.length / 2;
  };
  for (const column of columns) number(column);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const neighbours = near[sweep % 2] ?? [];
    const mean = (node: number): number => {
      const rows = (neighbours[node] ?? []).map((each) => row[each] ?? 0);
      return rows.length === 0 ? (row[node] ?? 0) : rows.reduce((sum, each) => sum + each, 0) / rows.length;
    };
    for (const column of sweep % 2 === 0 ? columns : columns.toReversed()) {
      const wanted = new Map(column.map((node) => [node, mean(node)]));
      column.sort((a, b) => (wanted.get(a) ?? 0) - (wanted.get(b) ?? 0));
      number(column);
    }
  }
}

function edgeBetween(from: Point & { readonly width: number }, to: Point & { readonly width: number }): GraphLayout['edges'][number] {
  const start = { x: from.x + from.width / 2, y: from.y };
  const end = { x: to.x - to.width / 2, y: to.y };
  return { points: [start, end], x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 };
}
