/** A pipeline as plain data, for drawing. */
export interface DrawnGraph {
  readonly nodes: readonly { readonly name: string; readonly stage: string; readonly kind: string }[];
  readonly edges: readonly { readonly from: string; readonly to: string; readonly slot: string; readonly gate: boolean }[];
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Where everything lies, in pixels, in the order of the graph. `x` and `y` of a node are its middle, of an edge that of its label. */
export interface GraphLayout {
  readonly width: number;
  readonly height: number;
  readonly nodes: readonly (Point & { readonly width: number })[];
  readonly edges: readonly (Point & { readonly points: readonly Point[] })[];
}

export const fontSize = 13;
export const nodeHeight = 46;
export const margin = 16;

/** The slot an edge fills; a gate only waits. */
export function edgeLabel(edge: DrawnGraph['edges'][number]): string {
  return edge.gate ? 'gate' : edge.slot;
}

/** A path through the points, for the `d` of an SVG path. */
export function pathThrough(points: readonly Point[]): string {
  return points.map((point, index) => `${index === 0 ? 'M' : 'L'}${rounded(point.x)} ${rounded(point.y)}`).join('');
}

export function rounded(value: number): string {
  return String(Math.round(value * 10) / 10);
}
