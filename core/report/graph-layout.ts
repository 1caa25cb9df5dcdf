import { type DrawnGraph, edgeLabel, fontSize, type GraphLayout, margin, nodeHeight, type Point } from './graph-shape.ts';
import { layeredLayout } from './layered-layout.ts';

/** Width of a character: an upper bound for the letters of common sans-serif fonts at this size. */
const characterWidth = 7.6;
/** The fine layout takes a fifth of a second for a hundred nodes and a quarter of a minute for a thousand. */
const finelyLaidNodes = 120;

/** How many characters a box has to hold. */
export type BoxText = (node: DrawnGraph['nodes'][number]) => number;

/** From left to right, inputs before their consumers. */
export async function layoutGraph(graph: DrawnGraph, boxText: BoxText = nameAndStage): Promise<GraphLayout> {
  const widthOf: BoxText = (node) => Math.max(boxText(node), 6) * characterWidth + 28;
  if (graph.nodes.length > finelyLaidNodes) return layeredLayout(graph, graph.nodes.map(widthOf));
  const { layout, Graph } = await import('@dagrejs/dagre');
  const drawing = new Graph({ multigraph: true });
  drawing.setGraph({ rankdir: 'LR', nodesep: 24, ranksep: 56, marginx: margin, marginy: margin });
  for (const node of graph.nodes) drawing.setNode(keyOf(node.name), { width: widthOf(node), height: nodeHeight });
  graph.edges.forEach((edge, index) => {
    const label = edgeLabel(edge);
    drawing.setEdge(
      keyOf(edge.from),
      keyOf(edge.to),
      { width: label.length * characterWidth, height: fontSize, labelpos: 'c' },
      String(index),
    );
  });
  layout(drawing);
  const { width = 0, height = 0 } = drawing.graph() as { width?: number; height?: number };
  return {
    width: Math.ceil(Math.max(width, 1)),
    height: Math.ceil(Math.max(height, 1)),
    nodes: graph.nodes.map((node) => ({ ...(drawing.node(keyOf(node.name)) as unknown as Point), width: widthOf(node) })),
    edges: graph.edges.map(
      (edge, index) =>
        drawing.edge({ v: keyOf(edge.from), w: keyOf(edge.to), name: String(index) }) as unknown as Point & {
          readonly points: readonly Point[];
        },
    ),
  };
}

/** dagre keeps nodes in plain objects, which have a `constructor` before anybody sets one. */
const keyOf = (name: string): string => `node ${name}`;

const nameAndStage: BoxText = (node) => Math.max(node.name.length, node.stage.length);
