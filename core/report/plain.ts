import { progressOf } from '../plan/estimate.ts';
import { followRun, type RunFollower } from '../plan/view.ts';
import type { RunEvent } from '../spec/event.ts';
import type { Reporter } from '../spec/journal.ts';
import { formatBytes, formatMs, oneLine, paint } from './format.ts';
import type { TextSink } from './json.ts';
import { outcomeLine, skippedText } from './outcome.ts';
import { summaryLine, verdictWord } from './plan-summary.ts';
import { progressText } from './progress-text.ts';
import { rolloutLines } from './rollout-text.ts';

export interface PlainOptions {
  /** The UTC time of the event before each line. */
  readonly timestamps?: boolean;
  readonly color?: boolean;
  /** How many stages may be at work at once, for what is left of the time; 1 unless said otherwise. */
  readonly cores?: number;
}

/** A node that says nothing new is heard of at most this often. */
const quietMs = 10_000;

/** Lines for a log: one for each event that a reader wants to see, each beginning with its node. */
export function plainReporter(to: TextSink, options: PlainOptions = {}): Reporter {
  const follower = followRun();
  const heard = new Map<string, { readonly doing: string; readonly atMs: number }>();
  const { cores = 1 } = options;
  let toldMs = 0;
  return {
    event(event) {
      follower.add(event);
      if (event.type === 'node-progress' && !isNews(event, event.doing, heard)) return;
      // A rollout is looked at every few seconds, for as long as it takes.
      if (event.type === 'rollout-judged' && !isNews(event, event.verdict.outcome, heard)) return;
      const stamp = options.timestamps ? `${event.at} ` : '';
      for (const line of linesOf(event, follower, { color: options.color ?? false, cores })) to.write(`${stamp}${line}\n`);
      const atMs = Date.parse(event.at);
      if (event.type === 'run-started') toldMs = atMs;
      if (event.type !== 'node-finished' || atMs - toldMs < quietMs) return;
      const text = progressText(progressOf(follower.view, atMs, cores));
      if (text === undefined) return;
      toldMs = atMs;
      to.write(`${stamp}run: ${text}\n`);
    },
    async end() {},
  };
}

/** New words are news; a new number only now and then, by the clock of the journal. */
function isNews(
  event: Extract<RunEvent, { type: 'node-progress' | 'rollout-judged' }>,
  doing: string,
  heard: Map<string, { readonly doing: string; readonly atMs: number }>,
): boolean {
  const atMs = Date.parse(event.at);
  const last = heard.get(event.node);
  if (last && last.doing === doing && atMs - last.atMs < quietMs) return false;
  heard.set(event.node, { doing, atMs });
  return true;
}

function linesOf(
  event: RunEvent,
  { view }: RunFollower,
  { color, cores }: { readonly color: boolean; readonly cores: number },
): readonly string[] {
  switch (event.type) {
    case 'run-started':
      return [`run ${event.run} of ${event.pipeline}, profile ${event.profile}`, `plan: ${summaryLine(event.plan, cores)}`];
    case 'operation-started':
      return [`${event.operation} ${event.run} of ${event.pipeline}, profile ${event.profile}`];
    case 'run-ended':
      return [outcomeLine(view)];
    case 'artifact-quarantined':
      return [`warning: artifact ${event.digest.slice(0, 12)} was damaged and set aside: ${oneLine(event.why)}`];
    case 'policy-judged':
      return event.verdict === 'pass' ? [] : [policyLine(event)];
    case 'child-started':
    case 'release-intended':
      return [];
    default:
      return nodeLines(event).map((line) => `${paint(color, 'bold', `[${event.node}]`)} ${line}`);
  }
}

type NodeEvent = Exclude<
  RunEvent,
  {
    type:
      | 'run-started'
      | 'operation-started'
      | 'run-ended'
      | 'artifact-quarantined'
      | 'policy-judged'
      | 'child-started'
      | 'release-intended';
  }
>;

function nodeLines(event: NodeEvent): readonly string[] {
  switch (event.type) {
    case 'node-started':
      return [event.attempt > 1 ? `started: ${event.stage}, attempt ${event.attempt}` : `started: ${event.stage}`];
    case 'node-output':
      return [`${event.level === 'warn' ? 'warning: ' : '| '}${oneLine(event.line)}`];
    case 'node-progress':
      return [event.fraction === undefined ? oneLine(event.doing) : `${(event.fraction * 100).toFixed(0)} % ${oneLine(event.doing)}`];
    case 'node-reused':
      return [`reused: ${event.digest.slice(0, 12)}`];
    case 'node-finished':
      return [`done in ${formatMs(event.durationMs)}: ${event.digest.slice(0, 12)}, ${formatBytes(event.sizeBytes)}`];
    case 'node-retried':
      return [
        `attempt ${event.attempt} failed: ${event.diagnostic.code}: ${oneLine(event.diagnostic.message)}`,
        `again in ${formatMs(event.pauseMs)}`,
      ];
    case 'node-failed':
      return event.diagnostics.map((diagnostic) => `FAILED: ${diagnostic.code}: ${oneLine(diagnostic.message)}`);
    case 'node-skipped':
      return [skippedText(event.because)];
    case 'rollout-began':
    case 'rollout-step':
    case 'rollout-judged':
    case 'rollout-asked':
    case 'rollout-ended':
      return rolloutLines(event).map(oneLine);
    default:
      return worldLines(event);
  }
}

type WorldEvent = Extract<
  NodeEvent,
  {
    type:
      | 'gate-judged'
      | 'approval-needed'
      | 'approval-given'
      | 'released'
      | 'release-refused'
      | 'rolled-back'
      | 'service-removed'
      | 'service-forgotten';
  }
>;

function worldLines(event: WorldEvent): readonly string[] {
  switch (event.type) {
    case 'gate-judged':
      return [`gate ${verdictWord(event.verdict)}: ${oneLine(event.text)}${event.detail === '' ? '' : `: ${oneLine(event.detail)}`}`];
    case 'approval-needed':
      return [`WAITS for an approval of ${event.fingerprint.slice(0, 12)}: ${oneLine(event.why)}`];
    case 'approval-given':
      return [`approved${event.by === undefined ? '' : ` by ${oneLine(event.by)}`}: ${event.fingerprint.slice(0, 12)}`];
    case 'released':
      return [`live: ${event.release.service} on ${event.release.target}${event.live.url ? ` at ${event.live.url}` : ''}`];
    case 'release-refused':
      return [`release refused: ${event.service}: ${oneLine(event.why)}`];
    case 'rolled-back':
      return [`rolled back: ${event.service} to ${event.release.stamp.slice(0, 12)}`];
    case 'service-removed':
      return [`removed: ${event.service}`];
    case 'service-forgotten':
      return [`forgotten: ${event.service}`];
  }
}

/** What a policy had to say, on one line. */
export function policyLine({ policy, node, verdict, message }: Extract<RunEvent, { type: 'policy-judged' }>): string {
  const of = node === undefined ? '' : `[${node}] `;
  return `${of}policy ${verdict === 'refuse' ? 'REFUSES' : 'warns'}: ${oneLine(policy)}: ${oneLine(message)}`;
}
