import { durationText, findingText } from '../plan/rollout-words.ts';
import type { RolloutStep, RolloutUnderway } from '../spec/plan.ts';
import type { LiveService } from '../spec/target.ts';
import { oneLine } from './format.ts';

/** A service for a reader: what is live, and the rollout that is under way. */
export interface ShownService {
  readonly node: string;
  readonly target: string;
  readonly service: string;
  /** Undefined where the target did not answer. */
  readonly live: LiveService | undefined;
  readonly trouble?: readonly { readonly code: string; readonly message: string }[];
  readonly rollout?: RolloutUnderway & { readonly steps: readonly RolloutStep[] };
}

/** Lines that begin with the node; what belongs to it is further in. */
export function serviceLines({ node, target, service, live, trouble = [], rollout }: ShownService, nowMs: number): readonly string[] {
  const lines = [
    `${node}: ${service} on ${target}  ${live ? (live.revisions.length === 0 ? 'not there' : (live.url ?? '')) : 'NOT KNOWN'}`,
  ];
  for (const { code, message } of trouble) lines.push(`  ${code}: ${oneLine(message)}`);
  for (const { id, stamp, health, weight, mirror } of live?.revisions ?? []) {
    const copies = mirror ? `  copies of ${mirror} %` : '';
    const role = stamp !== undefined && stamp === rollout?.stamp ? '  candidate' : '';
    lines.push(`  revision ${id}  ${health}  ${weight} %${copies}  release ${stamp?.slice(0, 12) ?? 'made by something else'}${role}`);
  }
  if (rollout) lines.push(...underwayLines(rollout, nowMs).map((line) => `  ${line}`));
  return lines.map((line) => line.trimEnd());
}

const words = { going: 'going on', paused: 'PAUSED', 'going-back': 'REFUSED' } as const;
const ways = {
  going: [],
  paused: ['  `modelflow promote` finishes it, `modelflow abort` goes back, `modelflow run` waits once more'],
  'going-back': ['  `modelflow abort`, or `modelflow run`, gives the release before all the requests back'],
} as const;

function underwayLines(rollout: RolloutUnderway & { readonly steps: readonly RolloutStep[] }, nowMs: number): readonly string[] {
  const { strategy, stamp, from, step, steps, state, since, why, answers, failures, findings } = rollout;
  const at = step === undefined ? 'not begun' : `step ${step + 1} of ${steps.length}`;
  const seconds = Math.max(0, Math.round((nowMs - Date.parse(since)) / 1_000));
  const head = `${strategy} of ${stamp.slice(0, 12)} beside ${from.slice(0, 12)}: ${at}, ${words[state]} for ${durationText(seconds * 1_000)}`;
  return [
    why === undefined ? head : `${head}: ${oneLine(why)}`,
    `  ${answers} answers of the candidate, ${failures} of them failures`,
    ...findings.map((finding) => `  ${oneLine(findingText(finding))}`),
    ...ways[state],
  ];
}
