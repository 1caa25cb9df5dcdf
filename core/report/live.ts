import type { Listr, ListrContext } from 'listr2';
import { progressOf } from '../plan/estimate.ts';
import type { NodeView } from '../plan/node-view.ts';
import { followRun, type RunFollower } from '../plan/view.ts';
import type { RunEvent } from '../spec/event.ts';
import type { Reporter } from '../spec/journal.ts';
import type { Plan } from '../spec/plan.ts';
import { formatBytes, formatMs, oneLine } from './format.ts';
import { outcomeLine, skippedText } from './outcome.ts';
import { plainReporter, policyLine } from './plain.ts';
import { summaryLine, wordOf } from './plan-summary.ts';
import { progressText } from './progress-text.ts';

export interface LiveOptions {
  /** The terminal; stderr unless said otherwise, so that stdout stays free for data. */
  readonly terminal?: NodeJS.WriteStream;
  /** Milliseconds since 1970, for the time that a node has been at work. */
  readonly now?: () => number;
  /** How many stages may be at work at once, for what is left of the time; 1 unless said otherwise. */
  readonly cores?: number;
}

/** More than this and nodes are only listed once they begin: a terminal has so many lines. */
const listedAtOnce = 20;
const keptWarnings = 50;

type List = Listr<ListrContext, 'default', 'default'>;
type Task = List['tasks'][number];

/** Draws a run on a terminal, a line for each node that is made. listr2 only draws: no task of its ever runs, states are set as events come. */
export async function liveReporter(plan: Plan, options: LiveOptions = {}): Promise<Reporter> {
  const terminal = options.terminal ?? process.stderr;
  // A terminal that does not say how wide it is cannot be drawn on.
  if (!(terminal.columns > 0)) return plainReporter(terminal);
  const drawing = await newDrawing(terminal);
  const { now = Date.now, cores = 1 } = options;
  const follower = followRun();
  const warnings: string[] = [];
  drawing.print(`${plan.pipeline}, profile ${plan.profile}: ${summaryLine(plan, cores)}`);
  const listed = plan.steps.filter((step) => !['reuse', 'keep', 'held'].includes(wordOf(step)));
  if (listed.length <= listedAtOnce) for (const step of listed) await drawing.taskOf(step.node, `${step.node}  ${step.stage}`);
  const clock = setInterval(() => {
    redraw(drawing, follower, now());
    drawing.total(progressText(progressOf(follower.view, now(), cores)));
  }, 500);
  await drawing.renderer.render();
  return {
    event(event) {
      follower.add(event);
      if (event.type === 'node-output' && event.level === 'warn' && warnings.length < keptWarnings)
        warnings.push(`warning: [${event.node}] ${oneLine(event.line)}`);
      if (event.type === 'policy-judged' && event.verdict === 'warn') warnings.push(policyLine(event));
      const name = nodeOf(event);
      const node = name === undefined ? undefined : follower.view.nodes.get(name);
      if (node && isWorthALine(node, drawing)) show(drawing, node, now());
    },
    async end() {
      clearInterval(clock);
      drawing.total(undefined);
      // The end of a run changes nodes that no event of their own has ended: what was at work is stopped.
      for (const node of follower.view.nodes.values()) if (drawing.tasks.has(node.node)) show(drawing, node, now());
      drawing.renderer.end();
      for (const line of [...warnings, outcomeLine(follower.view)]) drawing.print(line);
    },
  };
}

interface Drawing {
  readonly tasks: Map<string, Task>;
  readonly renderer: { render(): Promise<void>; end(): void };
  readonly states: { readonly [State in 'STARTED' | 'COMPLETED' | 'FAILED' | 'SKIPPED']: Task['state'] };
  taskOf(node: string, title: string): Task;
  /** The line above all others; undefined takes it away. */
  total(text: string | undefined): void;
  print(line: string): void;
}

async function newDrawing(terminal: NodeJS.WriteStream): Promise<Drawing> {
  const { DefaultRenderer, Listr, ListrLogger, ListrTaskState, ProcessOutput } = await import('listr2');
  const list: List = new Listr<ListrContext, 'default', 'default'>([], { registerSignalListeners: false, exitOnError: false });
  // What else writes to the two streams meanwhile is kept back and comes out below the drawing.
  const other = terminal === process.stderr ? process.stdout : process.stderr;
  const logger = new ListrLogger({ useIcons: true, toStderr: [], processOutput: new ProcessOutput(terminal, other) });
  const options = {
    logger,
    formatOutput: 'truncate',
    collapseErrors: false,
    showErrorMessage: false,
    collapseSkips: false,
    showSkipMessage: false,
  } as const;
  const tasks = new Map<string, Task>();
  let total: Task | undefined;
  const newTask = (title: string): Task => {
    list.add({ title, task: () => undefined });
    const task = list.tasks[list.tasks.length - 1];
    if (task === undefined) throw new Error('listr2 added no task');
    // The only way listr2 has to enable a task; it resolves at once.
    void task.check({});
    return task;
  };
  return {
    tasks,
    renderer: new DefaultRenderer(list.tasks, options, list.events),
    states: ListrTaskState,
    taskOf(node, title) {
      const known = tasks.get(node);
      if (known) return known;
      const task = newTask(title);
      tasks.set(node, task);
      return task;
    },
    total(text) {
      const at = total ? list.tasks.indexOf(total) : -1;
      if (text === undefined && at >= 0) list.tasks.splice(at, 1);
      if (text === undefined) return;
      if (total === undefined) {
        total = newTask(text);
        list.tasks.unshift(...list.tasks.splice(-1));
        total.state$ = ListrTaskState.STARTED;
      }
      total.title = text;
    },
    print: (line) => terminal.write(`${line}\n`),
  };
}

function nodeOf(event: RunEvent): string | undefined {
  return 'node' in event ? event.node : undefined;
}

/** What is reused as planned takes no line; the first line of the run has counted it. */
function isWorthALine(node: NodeView, drawing: Drawing): boolean {
  return drawing.tasks.has(node.node) || !['waiting', 'reused', 'held'].includes(node.state);
}

function show(drawing: Drawing, node: NodeView, nowMs: number): void {
  const task = drawing.taskOf(node.node, '');
  task.title = title(node, nowMs);
  const { STARTED, COMPLETED, FAILED, SKIPPED } = drawing.states;
  switch (node.state) {
    case 'running':
    case 'retrying':
      task.state$ = STARTED;
      break;
    case 'done':
    case 'reused':
      task.state$ = COMPLETED;
      break;
    case 'failed':
    case 'stopped':
      task.state$ = FAILED;
      break;
    case 'skipped':
    case 'held':
    case 'unapproved':
    case 'paused':
      task.state$ = SKIPPED;
      break;
    case 'waiting':
      break;
  }
}

/** The words say all that the icon and the colour do. */
function title(node: NodeView, nowMs: number): string {
  const what = `${node.node}  ${node.stage}`;
  switch (node.state) {
    case 'waiting':
      return what;
    case 'running':
      return [what, percent(node.fraction), node.doing && oneLine(node.doing), elapsed(node, nowMs)].filter(Boolean).join('  ');
    case 'retrying':
      return `${what}  failed, will be tried again`;
    case 'done':
      return `${what}  done${node.durationMs === undefined ? '' : ` in ${formatMs(node.durationMs)}`}${node.sizeBytes === undefined ? '' : `, ${formatBytes(node.sizeBytes)}`}`;
    case 'reused':
      return `${what}  reused`;
    case 'failed':
      return `${what}  FAILED${node.diagnostics[0] ? `: ${node.diagnostics[0].code}: ${oneLine(node.diagnostics[0].message)}` : ''}`;
    case 'skipped':
      return `${what}  ${skippedText(node.because)}`;
    case 'held':
      return `${what}  held back`;
    case 'stopped':
      return `${what}  stopped`;
    case 'unapproved':
      return `${what}  waits for an approval`;
    case 'paused':
      return `${what}  paused: \`modelflow promote\`, \`modelflow abort\`, or run again`;
  }
}

function percent(fraction: number | undefined): string | undefined {
  return fraction === undefined ? undefined : `${(fraction * 100).toFixed(0)} %`;
}

function elapsed(node: NodeView, nowMs: number): string | undefined {
  if (node.startedAt === undefined) return undefined;
  const ms = nowMs - Date.parse(node.startedAt);
  if (ms < 1000) return undefined;
  const usual = node.lastMs === undefined || node.lastMs < 1000 ? '' : ` of about ${formatMs(node.lastMs)}`;
  return `${formatMs(Math.floor(ms / 1000) * 1000)}${usual}`;
}

function redraw(drawing: Drawing, { view }: RunFollower, nowMs: number): void {
  for (const [name, task] of drawing.tasks) {
    const node = view.nodes.get(name);
    if (node) task.title = title(node, nowMs);
  }
}
