import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type RunView, viewOf } from '../plan/view.ts';
import type { DrawnGraph } from '../report/graph-shape.ts';
import { type Baseline, type RunRecord, runRecord, type ShownKind } from '../report/page/record.ts';
import { failure } from '../spec/diagnostic.ts';
import type { RunEvent } from '../spec/event.ts';
import type { Plan } from '../spec/plan.ts';
import { lockHolder } from './session.ts';
import type { Store, Workspace } from './workspace.ts';

/** A file of an artifact that is larger is no figure for a page. */
const largestFigureBytes = 32 << 20;
const namedRuns = 5;

/** The run that was asked for, by its id or its number; without a word, the last one that had a plan. Fails with MF1220. */
export function chosenRun(store: Store, word: string | undefined): string {
  const ids = store.runs.ids();
  const chosen =
    word === undefined
      ? (ids.findLast((id) => store.runs.events(id)[0]?.type === 'run-started') ?? ids.at(-1))
      : ids.find((id) => id === word || (/^\d+$/.test(word) && Number.parseInt(id, 10) === Number(word)));
  if (chosen !== undefined) return chosen;
  if (ids.length === 0) throw failure('MF1220', `nothing has been run yet for ${store.scope}`, { hint: 'Run `modelflow run` first.' });
  throw failure('MF1220', `there is no run \`${word}\` for ${store.scope}`, {
    hint: `The last ones are ${ids.slice(-namedRuns).join(', ')}.`,
  });
}

/** Whether the process of the run is still there: only the last run can be at work, and then it holds the lock. */
export function isAtWork(store: Store, run: string): boolean {
  return store.runs.ids().at(-1) === run && lockHolder(store) !== undefined;
}

/** Everything the page of a run shows, read from the store; nothing is changed. */
export async function recordOf(workspace: Workspace, run: string, now: Date): Promise<RunRecord> {
  const { store, graph, config } = workspace;
  const isAlive = isAtWork(store, run);
  const events = store.runs.events(run);
  const whole = viewOf([...events, ...store.runs.said(run)]);
  // What was said is folded last, but it was not said last.
  const view: RunView = { ...whole, run, at: whole.outcome === undefined && isAlive ? now.toISOString() : events.at(-1)?.at };
  const drawn = await graphOfRun(workspace, view);
  const kinds = new Map(graph.nodes.map(({ node }): [string, ShownKind] => [node.stage.output.name, node.stage.output]));
  const started = events.find((event) => event.type === 'run-started');
  const release = view.releases.at(-1)?.release;
  return runRecord({
    view,
    graph: drawn,
    kinds,
    baseline: baselineOf(store, run),
    file: await figures(store, view, drawn, kinds),
    approvals: approvalsFor(store, view),
    by: started?.by ?? release?.by,
    commit: started?.commit ?? release?.commit,
    planDigest: started?.planDigest,
    isAlive,
    root: config.root,
  });
}

/** The graph as the run had it. Slots are known where the configuration still agrees with the plan. */
async function graphOfRun({ graph, store }: Workspace, view: RunView): Promise<DrawnGraph> {
  const plan: Plan | undefined = view.plan;
  if (!plan) return { nodes: [], edges: [] };
  const steps = plan.steps;
  const present = new Set(steps.map((step) => step.node));
  const nodes = await Promise.all(
    steps.map(async ({ node, stage }) => ({
      name: node,
      stage,
      kind: graph.byName.get(node)?.node.stage.output.name ?? (await storedKind(store, view, node)),
    })),
  );
  const edges = steps.flatMap(({ node, needs }) => {
    const now = graph.byName.get(node)?.edges ?? [];
    const agrees =
      needs === undefined ||
      (needs.every((each) => now.some(({ from }) => from === each)) && now.every(({ from }) => needs.includes(from)));
    const all = agrees
      ? now.map(({ from, slot, isGate }) => ({ from, to: node, slot, gate: isGate }))
      : needs.map((from) => ({ from, to: node, slot: '', gate: false }));
    return all.filter(({ from }) => present.has(from));
  });
  return { nodes, edges };
}

async function storedKind(store: Store, view: RunView, node: string): Promise<string> {
  const digest = view.nodes.get(node)?.digest;
  return (digest === undefined ? undefined : await store.artifacts.open(digest))?.kind ?? '';
}

/** The release that was live when the run began: the last that was released, or put back, before it. */
function baselineOf(store: Store, run: string): Baseline | undefined {
  const earlier = store.runs.ids().filter((id) => id < run);
  const past = earlier.map((id) => ({ id, events: store.runs.releases(id) }));
  const last = past.flatMap(({ events }) => events).findLast((event) => event.type === 'released' || event.type === 'rolled-back');
  if (last?.type !== 'released' && last?.type !== 'rolled-back') return undefined;
  const made = past.findLast(({ events }) =>
    events.some((event) => event.type === 'released' && event.release.stamp === last.release.stamp),
  );
  if (!made) return undefined;
  const view = viewOf(store.runs.events(made.id));
  const facts = new Map([...view.nodes].flatMap(([node, { facts: each }]) => (each === undefined ? [] : [[node, each]])));
  return { run: made.id, at: view.startedAt ?? '', facts };
}

/** Approvals are given beside runs; one counts for the fingerprint it was given for. */
function approvalsFor(store: Store, view: RunView): RunRecord['approvals'] {
  const wanted = new Set((view.plan?.approvals ?? []).map(({ fingerprint }) => fingerprint));
  if (wanted.size === 0) return [];
  return store.runs
    .ids()
    .flatMap((id) => store.runs.releases(id))
    .filter(
      (event): event is Extract<RunEvent, { type: 'approval-given' }> => event.type === 'approval-given' && wanted.has(event.fingerprint),
    );
}

/** The JSON files that charts name, read once. One that is missing or is no JSON leaves its chart out. */
async function figures(store: Store, view: RunView, drawn: DrawnGraph, kinds: ReadonlyMap<string, ShownKind>): Promise<RunRecord['file']> {
  const read = new Map<string, unknown>();
  for (const { name, kind } of drawn.nodes) {
    const files = new Set((kinds.get(kind)?.charts ?? []).flatMap((chart) => ('file' in chart ? [chart.file] : [])));
    const digest = view.nodes.get(name)?.digest;
    const artifact = files.size > 0 && digest !== undefined ? await store.artifacts.open(digest) : undefined;
    for (const file of files) if (artifact) read.set(`${name}\n${file}`, readJson(join(artifact.path, file)));
  }
  return (node, file) => read.get(`${node}\n${file}`);
}

function readJson(path: string): unknown {
  try {
    return statSync(path).size > largestFigureBytes ? undefined : JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    // The page does without the chart: the artifact may be of an older version of its stage.
    return undefined;
  }
}
