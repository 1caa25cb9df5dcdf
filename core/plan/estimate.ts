import type { Step } from '../spec/plan.ts';
import type { NodeView } from './node-view.ts';
import type { RunView } from './view.ts';

/** One piece of work, and what must be done before it. Those that are not in the list are done. */
interface Piece {
  readonly name: string;
  readonly ms: number;
  readonly needs: readonly string[];
}

/** How long the pieces take when `cores` are at work at once and each begins as soon as it can, in the order given. */
export function timeOf(pieces: readonly Piece[], cores: number): number {
  const names = new Set(pieces.map((piece) => piece.name));
  const waitsFor = new Map<string, number>();
  const neededBy = new Map<string, Piece[]>();
  const ready: Piece[] = [];
  for (const piece of pieces) {
    const needs = piece.needs.filter((need) => names.has(need));
    waitsFor.set(piece.name, needs.length);
    for (const need of needs) {
      const already = neededBy.get(need);
      if (already) already.push(piece);
      else neededBy.set(need, [piece]);
    }
    if (needs.length === 0) ready.push(piece);
  }
  const running: { readonly piece: Piece; readonly endMs: number }[] = [];
  let nowMs = 0;
  for (let at = 0; at < ready.length || running.length > 0; ) {
    while (at < ready.length && running.length < Math.max(1, cores)) {
      const piece = ready[at++] as Piece;
      running.push({ piece, endMs: nowMs + piece.ms });
    }
    const next = running.reduce((one, other) => (other.endMs < one.endMs ? other : one));
    running.splice(running.indexOf(next), 1);
    nowMs = next.endMs;
    for (const piece of neededBy.get(next.piece.name) ?? []) {
      const left = (waitsFor.get(piece.name) ?? 0) - 1;
      waitsFor.set(piece.name, left);
      if (left === 0) ready.push(piece);
    }
  }
  return nowMs;
}

/** Between what surely runs and all that may. `isWhole` false: some of it never ran before, so that it takes longer by nobody knows how much. */
export interface Expected {
  readonly leastMs: number;
  readonly mostMs: number;
  readonly isWhole: boolean;
}

/** What a plan would take, from how long each step took the last time. */
export function expectedOf(steps: readonly Step[], cores: number): Expected {
  const begun = steps.filter((step) => step.do === 'run' || step.do === 'decide-later');
  const timeWith = (counted: ReadonlySet<Step>): number =>
    timeOf(
      steps.map((step) => ({ name: step.node, ms: counted.has(step) ? (step.lastMs ?? 0) : 0, needs: step.needs ?? [] })),
      cores,
    );
  return {
    leastMs: timeWith(new Set(begun.filter((step) => step.do === 'run' || step.isForced))),
    mostMs: timeWith(new Set(begun)),
    isWhole: begun.every((step) => step.lastMs !== undefined),
  };
}

/** How far a run is. `leftMs` undefined: something in it never ran before, or takes longer than it did. */
export interface Progress {
  readonly done: number;
  readonly all: number;
  /** 0…1, by time. */
  readonly fraction: number | undefined;
  readonly leftMs: number | undefined;
}

/** Counts what is made in this run, and what was expected to be; what is reused as planned is not counted. */
export function progressOf(view: RunView, nowMs: number, cores: number): Progress {
  const steps = (view.plan?.steps ?? []).filter((step) => step.do === 'run' || step.do === 'decide-later');
  const open = steps.flatMap((step) => {
    const node = view.nodes.get(step.node);
    return node && isOpen(node) ? [{ step, node }] : [];
  });
  const count = { done: steps.length - open.length, all: steps.length };
  const pieces = open.map(({ step, node }) => ({ name: step.node, ms: leftOf(node, nowMs), needs: step.needs ?? [] }));
  if (!pieces.every((piece): piece is Piece => piece.ms !== undefined) || view.startedAt === undefined)
    return { ...count, fraction: undefined, leftMs: undefined };
  const leftMs = timeOf(pieces, cores);
  const goneMs = Math.max(0, nowMs - Date.parse(view.startedAt));
  return { ...count, fraction: goneMs + leftMs === 0 ? undefined : goneMs / (goneMs + leftMs), leftMs };
}

function isOpen({ state }: NodeView): boolean {
  return state === 'waiting' || state === 'running' || state === 'retrying';
}

/** What a node says of itself counts more than how long it took the last time. */
function leftOf({ state, startedAt, fraction, lastMs }: NodeView, nowMs: number): number | undefined {
  if (state !== 'running' || startedAt === undefined) return lastMs;
  const goneMs = Math.max(0, nowMs - Date.parse(startedAt));
  // The first percents say little about the rest.
  if (fraction !== undefined && fraction >= 0.05 && goneMs >= 1_000) return (goneMs * (1 - fraction)) / fraction;
  return lastMs === undefined || goneMs > lastMs ? undefined : lastMs - goneMs;
}
