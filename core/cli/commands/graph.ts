import type { ExitCode } from '../../spec/codes.ts';
import { openWorkspace, type Where } from '../workspace.ts';

/** `modelflow graph`: the pipeline as a picture, on stdout. */
export async function graphCommand(options: Where & { readonly format: 'mermaid' | 'svg' }): Promise<ExitCode> {
  const { graph } = await openWorkspace(options);
  const drawn: DrawnGraph = {
    nodes: graph.nodes.map(({ name, node }) => ({ name, stage: node.stage.name, kind: node.stage.output.name })),
    edges: graph.nodes.flatMap(({ name, edges }) => edges.map(({ from, slot, isGate }) => ({ from, to: name, slot, gate: isGate }))),
  };
  console.log(options.format === 'svg' ? await graphSvg(drawn) : graphMermaid(drawn));
  return 0;
}

/** A pipeline as plain data, for drawing. */
export interface DrawnGraph {
  readonly nodes: readonly { readonly name: string; readonly stage: string; readonly kind: string }[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly slot: string; readonly gate: boolean }[];
}

/** The graph in Mermaid, which GitHub draws in Markdown. A gate is a dotted arrow. */
export function graphMermaid(graph: DrawnGraph): string {
  const ids = new Map(graph.nodes.map((node, index) => [node.name, `n${index}`]));
  const nodes = graph.nodes.map((node) => `  ${ids.get(node.name)}["<b>${mermaidText(node.name)}</b><br/>${mermaidText(node.stage)}"]`);
  const edges = graph.edges.map((edge) => {
    const [from, to] = [ids.get(edge.from), ids.get(edge.to)];
    return edge.gate ? `  ${from} -. "gate" .-> ${to}` : `  ${from} -- "${mermaidText(edge.slot)}" --> ${to}`;
  });
  return ['flowchart LR', ...nodes, ...edges].join('\n');
}

/** Mermaid knows entities by number, with a `#` where HTML has `&#`. */
function mermaidText(text: string): string {
  return text.replace(/[^\w .-]/gu, (sign) => `#${sign.codePointAt(0)};`);
}

const fontSize = 13;
/** Width of a character: an upper bound for the letters of common sans-serif fonts at this size. */
const characterWidth = 7.6;
const nodeHeight = 46;
const margin = 16;

interface Point {
  readonly x: number;
  readonly y: number;
}

/** The graph as an SVG that stands alone: no script, no font and no file from elsewhere; readable on light and on dark ground. */
export async function graphSvg(graph: DrawnGraph): Promise<string> {
  const { layout, Graph } = await import('@dagrejs/dagre');
  const drawing = new Graph({ multigraph: true });
  drawing.setGraph({ rankdir: 'LR', nodesep: 24, ranksep: 56, marginx: margin, marginy: margin });
  for (const node of graph.nodes) drawing.setNode(node.name, { width: widthOf(node), height: nodeHeight });
  graph.edges.forEach((edge, index) => {
    const label = labelOf(edge);
    drawing.setEdge(edge.from, edge.to, { width: label.length * characterWidth, height: fontSize, labelpos: 'c' }, String(index));
  });
  layout(drawing);
  const { width = 0, height = 0 } = drawing.graph() as { width?: number; height?: number };
  const boxes = graph.nodes.map((node) => box(node, drawing.node(node.name) as unknown as Point));
  const lines = graph.edges.map((edge, index) =>
    arrow(
      edge,
      drawing.edge({ v: edge.from, w: edge.to, name: String(index) }) as unknown as Point & { readonly points: readonly Point[] },
    ),
  );
  return svg(Math.ceil(Math.max(width, 1)), Math.ceil(Math.max(height, 1)), [...lines, ...boxes]);
}

function widthOf(node: DrawnGraph['nodes'][number]): number {
  return Math.max(node.name.length, node.stage.length, 6) * characterWidth + 28;
}

function labelOf(edge: DrawnGraph['edges'][number]): string {
  return edge.gate ? 'gate' : edge.slot;
}

function box(node: DrawnGraph['nodes'][number], at: Point): string {
  const width = widthOf(node);
  return [
    `<g class="node"><title>${xml(`${node.name}: ${node.stage} makes ${node.kind}`)}</title>`,
    `<rect x="${round(at.x - width / 2)}" y="${round(at.y - nodeHeight / 2)}" width="${round(width)}" height="${nodeHeight}" rx="6"/>`,
    `<text class="name" x="${round(at.x)}" y="${round(at.y - 4)}">${xml(node.name)}</text>`,
    `<text class="stage" x="${round(at.x)}" y="${round(at.y + 14)}">${xml(node.stage)}</text></g>`,
  ].join('');
}

function arrow(edge: DrawnGraph['edges'][number], at: Point & { readonly points: readonly Point[] }): string {
  const path = at.points.map((point, index) => `${index === 0 ? 'M' : 'L'}${round(point.x)} ${round(point.y)}`).join('');
  return [
    `<g class="${edge.gate ? 'edge gate' : 'edge'}"><path d="${path}" marker-end="url(#arrow)"/>`,
    `<text x="${round(at.x)}" y="${round(at.y + 4)}">${xml(labelOf(edge))}</text></g>`,
  ].join('');
}

function svg(width: number, height: number, parts: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
<style>
svg{--ink:#1f2328;--soft:#59636e;--line:#8c959f;--ground:#ffffff;--box:#f6f8fa}
@media(prefers-color-scheme:dark){svg{--ink:#f0f6fc;--soft:#9198a1;--line:#6e7681;--ground:#0d1117;--box:#151b23}}
.ground{fill:var(--ground)}.node rect{fill:var(--box);stroke:var(--line)}
text{font:${fontSize}px system-ui,sans-serif;fill:var(--soft);text-anchor:middle}.name{fill:var(--ink);font-weight:600}
.edge path{fill:none;stroke:var(--line);stroke-width:1.3}.gate path{stroke-dasharray:4 4}
.edge text{font-size:11px;paint-order:stroke;stroke:var(--ground);stroke-width:4px}#arrow path{fill:var(--line)}
</style>
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
<rect class="ground" width="${width}" height="${height}"/>
${parts.join('\n')}
</svg>
`;
}

function round(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function xml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
