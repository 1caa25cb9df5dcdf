import { formatMs } from '../format.ts';
import { type BoxText, layoutGraph } from '../graph-layout.ts';
import { type DrawnGraph, edgeLabel, type GraphLayout, nodeHeight, pathThrough, rounded } from '../graph-shape.ts';
import { html, type Markup } from './html.ts';
import { type Part, stateSign, stateWord } from './parts.ts';
import type { PageNode, RunRecord } from './record.ts';

/** Above this a picture helps nobody, and the table of stages has a search. */
const drawnNodes = 2000;
/** Above this the keyboard should not have to walk through every node; the table of stages has the same links. */
const reachableNodes = 60;

/** A graph up to this width is made to fit the page; a wider one scrolls. */
const fittingWidth = 1750;
/** Room for the sign before a name, and for the time behind a stage. */
const boxText: BoxText = ({ name, stage }) => Math.max(name.length + 3, stage.length + 8);

/** Where the nodes lie. It does not change during a run, so a live page makes it once. */
export async function graphLayout(record: RunRecord): Promise<GraphLayout | undefined> {
  return record.graph.nodes.length === 0 || record.graph.nodes.length > drawnNodes ? undefined : layoutGraph(record.graph, boxText);
}

/** The graph with the state of each node. */
export function graphPart(record: RunRecord, layout: GraphLayout | undefined): Part | undefined {
  if (record.graph.nodes.length === 0) return undefined;
  const title = 'Graph';
  if (!layout)
    return {
      id: 'graph',
      title,
      body: html`<p class="note">${record.graph.nodes.length} stages are too many to draw. The table of stages has them all.</p>`,
    };
  const edges = record.graph.edges.map((edge, index) => arrow(edge, layout.edges[index] as GraphLayout['edges'][number]));
  const isReachable = record.graph.nodes.length <= reachableNodes;
  const boxes = record.graph.nodes.map((node, index) =>
    box(node, layout.nodes[index] as GraphLayout['nodes'][number], record.byName.get(node.name), isReachable),
  );
  const label = `Graph of ${record.graph.nodes.length} stages and ${record.graph.edges.length} connections, from the sources on the left to the results on the right`;
  return {
    id: 'graph',
    title,
    body: html`<p class="note">From left to right; a dashed arrow is a gate. Each box leads to its stage below.</p>
<div class="scroll graph" tabindex="0" role="region" aria-label="Graph"><svg class="${layout.width <= fittingWidth ? 'fit' : ''}" role="group" aria-label="${label}" width="${layout.width}" height="${layout.height}" viewBox="0 0 ${layout.width} ${layout.height}">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>
<g aria-hidden="true">${edges}</g>${boxes}</svg></div>`,
  };
}

function box(
  drawn: DrawnGraph['nodes'][number],
  { x, y, width }: GraphLayout['nodes'][number],
  node: PageNode | undefined,
  isReachable: boolean,
): Markup {
  const state = node?.view.state ?? 'waiting';
  const what = `${drawn.name}: ${drawn.stage}, ${node ? stateWord(state) : 'not part of this run'}`;
  const took = node?.view.state === 'done' && node.view.durationMs !== undefined ? ` · ${formatMs(node.view.durationMs)}` : '';
  const shape = html`<title>${what}</title><rect x="${rounded(x - width / 2)}" y="${rounded(y - nodeHeight / 2)}" width="${rounded(width)}" height="${nodeHeight}" rx="7"/><text class="label" x="${rounded(x)}" y="${rounded(y - 4)}">${node ? stateSign(state) : '·'} ${drawn.name}</text><text class="under" x="${rounded(x)}" y="${rounded(y + 14)}">${drawn.stage}${took}</text>`;
  if (!node) return html`<g class="node absent">${shape}</g>`;
  return html`<a class="node ${state}" href="#stage-${node.index}" aria-label="${what}"${isReachable ? undefined : html` tabindex="-1"`}>${shape}</a>`;
}

function arrow(edge: DrawnGraph['edges'][number], at: GraphLayout['edges'][number]): Markup {
  return html`<g class="edge${edge.gate ? ' gate' : ''}"><path d="${pathThrough(at.points)}" marker-end="url(#arrow)"/><text x="${rounded(at.x)}" y="${rounded(at.y + 4)}">${edgeLabel(edge)}</text></g>`;
}
