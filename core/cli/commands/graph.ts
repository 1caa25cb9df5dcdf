import type { Graph } from '../../plan/graph.ts';
import { layoutGraph } from '../../report/graph-layout.ts';
import { type DrawnGraph, edgeLabel, fontSize, type GraphLayout, nodeHeight, pathThrough, rounded } from '../../report/graph-shape.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { openWorkspace, type Where } from '../workspace.ts';

/** `modelflow graph`: the pipeline as a picture, on stdout. */
export async function graphCommand(options: Where & { readonly format: 'mermaid' | 'svg' }): Promise<ExitCode> {
  const { graph } = await openWorkspace({ ...options, isLocal: true });
  const drawn = drawnGraph(graph);
  console.log(options.format === 'svg' ? await graphSvg(drawn) : graphMermaid(drawn));
  return 0;
}

/** The pipeline as the configuration has it now. */
export function drawnGraph(graph: Graph): DrawnGraph {
  return {
    nodes: graph.nodes.map(({ name, node }) => ({ name, stage: node.stage.name, kind: node.stage.output.name })),
    edges: graph.nodes.flatMap(({ name, edges }) => edges.map(({ from, slot, isGate }) => ({ from, to: name, slot, gate: isGate }))),
  };
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

/** The graph as an SVG that stands alone: no script, no font and no file from elsewhere; readable on light and on dark ground. */
export async function graphSvg(graph: DrawnGraph): Promise<string> {
  const laid = await layoutGraph(graph);
  const boxes = graph.nodes.map((node, index) => box(node, laid.nodes[index] as GraphLayout['nodes'][number]));
  const lines = graph.edges.map((edge, index) => arrow(edge, laid.edges[index] as GraphLayout['edges'][number]));
  return svg(laid.width, laid.height, [...lines, ...boxes]);
}

function box(node: DrawnGraph['nodes'][number], { x, y, width }: GraphLayout['nodes'][number]): string {
  return [
    `<g class="node"><title>${xml(`${node.name}: ${node.stage} makes ${node.kind}`)}</title>`,
    `<rect x="${rounded(x - width / 2)}" y="${rounded(y - nodeHeight / 2)}" width="${rounded(width)}" height="${nodeHeight}" rx="6"/>`,
    `<text class="name" x="${rounded(x)}" y="${rounded(y - 4)}">${xml(node.name)}</text>`,
    `<text class="stage" x="${rounded(x)}" y="${rounded(y + 14)}">${xml(node.stage)}</text></g>`,
  ].join('');
}

function arrow(edge: DrawnGraph['edges'][number], at: GraphLayout['edges'][number]): string {
  return [
    `<g class="${edge.gate ? 'edge gate' : 'edge'}"><path d="${pathThrough(at.points)}" marker-end="url(#arrow)"/>`,
    `<text x="${rounded(at.x)}" y="${rounded(at.y + 4)}">${xml(edgeLabel(edge))}</text></g>`,
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

function xml(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
