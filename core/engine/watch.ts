import { judge } from '../plan/analysis/index.ts';
import { failingNow, type Recent, withRecent } from '../plan/guard-rail.ts';
import { durationText, inconclusiveText, refusalText } from '../plan/rollout-words.ts';
import { emptyPhase, ofPair, withAbsent, withCounted } from '../plan/traffic.ts';
import { failure } from '../spec/diagnostic.ts';
import type { RolloutStep } from '../spec/plan.ts';
import type { Analysis } from '../spec/strategy.ts';
import type { LiveService } from '../spec/target.ts';
import type { TrafficReport, TrafficSource } from '../spec/traffic.ts';
import type { Phase, Verdict } from '../spec/verdict.ts';
import { askedFor, pauseUntilAsked } from './asked.ts';
import { ApprovalPending } from './consent.ts';
import { namesOf } from './release.ts';
import { arrange, back, isSplitAs, type Takeover } from './split.ts';

/** A step that is looked at until there is a verdict. */
export interface Watched {
  readonly at: number;
  readonly step: RolloutStep;
  /** What the candidate gets next, 0…1. */
  readonly nextShare: number;
  /** What was seen in each step so far; this one is kept up. */
  readonly phases: Map<number, Phase>;
  /** The counters at the last look, where the traffic was split like this ever since. */
  readonly traffic: TrafficReport | undefined;
  /** Whoever counts, as last seen in any step. */
  readonly sources: Map<string, TrafficSource>;
}

/** Long enough for any server to load its model. */
const readyWaitMs = 10 * 60_000;
const readyLookMs = 500;
const keptLookMs = 2_000;

/** Looks at the counts until they say enough, or somebody does. */
export async function watchStep(takeover: Takeover, watched: Watched): Promise<'next' | 'finish'> {
  const { strategy, ports } = takeover;
  if (strategy.strategy !== 'canary' && strategy.strategy !== 'shadow') return 'next';
  const { analysis } = strategy;
  const untilMs = ports.clock.now().getTime() + analysis.maxWaitMs;
  const watch: Watch = { ...watched, takeover, analysis, recent: [], trouble: undefined, verdict: undefined };
  for (;;) {
    const asked = await askedFor(takeover);
    if (asked === 'promote') return 'finish';
    const outcome = await lookOnce(watch);
    if (outcome === 'pass') return 'next';
    if (outcome === 'fail') return back(takeover, refusalText(watch.verdict));
    const leftMs = untilMs - ports.clock.now().getTime();
    if (leftMs <= 0) return inconclusive(watch, strategy.onInconclusive);
    if ((await pauseUntilAsked(takeover, Math.min(leftMs, analysis.intervalMs))) === 'promote') return 'finish';
  }
}

interface Watch extends Omit<Watched, 'traffic'> {
  readonly takeover: Takeover;
  readonly analysis: Analysis;
  traffic: TrafficReport | undefined;
  recent: readonly Recent[];
  verdict: Verdict | undefined;
  /** Why the last look came to nothing. */
  trouble: string | undefined;
}

/** A look that fails is tried again at the next turn: a runtime that is away for a moment is no fault of the candidate's. */
async function lookOnce(watch: Watch): Promise<Verdict['outcome']> {
  const { takeover, step } = watch;
  const seen = await look(watch);
  if (seen === undefined) return 'wait';
  const why = unfit(seen.live, takeover.stamp);
  if (why !== undefined) return back(takeover, why);
  if (!isSplitAs(seen.live, takeover, step)) {
    takeover.log.warn(
      `the traffic of ${takeover.placement.service} was not split as the step wants it, by something else; now it is again`,
    );
    await arrange(takeover, step);
    watch.traffic = undefined;
    return 'wait';
  }
  return weigh(watch, seen.report);
}

/** What was counted since the last look joins the phase; what follows is durable before anything is done about it. */
async function weigh(watch: Watch, report: TrafficReport): Promise<Verdict['outcome']> {
  const { takeover, analysis, phases, at, step } = watch;
  const { stamp, stable, ports, emit } = takeover;
  const pair = { stable: stable.release.stamp, candidate: stamp };
  const traffic = withAbsent(ofPair(report, pair), watch.sources);
  for (const source of traffic.sources) watch.sources.set(source.source, source);
  const before = phases.get(at) ?? emptyPhase(step);
  const phase = watch.traffic === undefined ? before : withCounted(before, watch.traffic, traffic, pair);
  const isNews = watch.traffic === undefined || JSON.stringify(phase) !== JSON.stringify(before);
  watch.recent = withRecent(watch.recent, { atMs: ports.clock.now().getTime(), before, after: phase });
  watch.traffic = traffic;
  phases.set(at, phase);
  if (isNews || watch.verdict === undefined) {
    const verdict = judge(
      { phases: [...phases.keys()].sort((a, b) => a - b).map((key) => phases.get(key) as Phase), nextShare: watch.nextShare },
      analysis,
    );
    watch.verdict = verdict;
    await emit({ type: 'rollout-judged', ...namesOf(takeover), step: at, phase, verdict, traffic });
  }
  const failing = failingNow(watch.recent);
  if (failing !== undefined) return back(takeover, failing);
  return watch.verdict.outcome;
}

async function look(watch: Watch): Promise<{ readonly live: LiveService; readonly report: TrafficReport } | undefined> {
  const { context, placement, log, signal } = watch.takeover;
  const { def } = placement.target;
  try {
    const live = await def.read(context, placement.service);
    const report = (await def.observe?.(context, placement.service)) ?? { sources: [] };
    if (watch.trouble !== undefined) log.info(`${placement.service} can be looked at again`);
    watch.trouble = undefined;
    return { live, report };
  } catch (error) {
    if (signal.aborted) throw error;
    const why = error instanceof Error ? error.message : String(error);
    if (watch.trouble === undefined) log.warn(`${placement.service} could not be looked at, and will be again: ${why}`);
    watch.trouble = why;
    return undefined;
  }
}

/** No statistics: a candidate that does not run is no candidate. Where nothing runs at all, that is no fault of its own. */
function unfit({ revisions }: LiveService, stamp: string): string | undefined {
  const candidate = revisions.find((each) => each.stamp === stamp);
  if (candidate && revisions.every(({ health }) => health === 'stopped')) return undefined;
  if (candidate === undefined) return 'the new release is not there any more';
  return candidate.health === 'failing' || candidate.health === 'stopped' ? `the new release is ${candidate.health}` : undefined;
}

async function inconclusive(watch: Watch, then: 'pause' | 'roll-back' | 'promote'): Promise<'next'> {
  const { takeover, analysis, at, step } = watch;
  const { emit, log } = takeover;
  const { service } = takeover.placement;
  const waited = `no verdict after ${durationText(analysis.maxWaitMs)}`;
  const why = `${waited}: ${watch.trouble ?? inconclusiveText(watch.phases.get(at), watch.verdict)}`;
  if (then === 'roll-back') return back(takeover, why);
  if (then === 'promote') {
    log.warn(`${why}; it goes on all the same, as \`onInconclusive\` says`);
    return 'next';
  }
  await emit({ type: 'rollout-ended', ...namesOf(takeover), outcome: 'paused', why });
  const share = step.weight === 0 ? `copies of ${step.mirror ?? 0} %` : `${step.weight} %`;
  throw new ApprovalPending(
    failure(
      'MF5301',
      `the rollout of ${service} is paused at step ${at + 1}, where the new release gets ${share} of the requests: ${why}`,
      {
        hint: `\`modelflow promote ${service}\` finishes it, \`modelflow abort ${service}\` goes back, and another \`modelflow run\` waits once more with all that was counted.`,
      },
    ).diagnostics,
  );
}

/** The candidate runs beside the release that serves, and gets nothing before it is ready. */
export async function awaitReady(takeover: Takeover): Promise<'next' | 'finish'> {
  const { ports, stamp, placement } = takeover;
  const untilMs = ports.clock.now().getTime() + readyWaitMs;
  for (;;) {
    const live = await readOrNothing(takeover);
    const why = live && unfit(live, stamp);
    if (why !== undefined) return back(takeover, why);
    if (live?.revisions.some((each) => each.stamp === stamp && each.health === 'ready')) return 'next';
    if (ports.clock.now().getTime() >= untilMs)
      return back(takeover, `the new release of ${placement.service} was not ready after ${durationText(readyWaitMs)}`);
    if ((await pauseUntilAsked(takeover, readyLookMs)) === 'promote') return 'finish';
  }
}

/** All the requests go to the new release, and the one before stands by. */
export async function watchKept(takeover: Takeover, keepMs: number): Promise<void> {
  const { ports, context, placement, stamp } = takeover;
  const untilMs = ports.clock.now().getTime() + keepMs;
  for (let leftMs = keepMs; leftMs > 0; leftMs = untilMs - ports.clock.now().getTime()) {
    if ((await pauseUntilAsked(takeover, Math.min(leftMs, keptLookMs))) === 'promote') return;
    const live = await readOrNothing(takeover);
    const health = live && (await tried(takeover, () => placement.target.def.probe(context, live)));
    const why = (live && unfit(live, stamp)) ?? (health && !health.ok ? health.why : undefined);
    if (why !== undefined) return back(takeover, why);
  }
}

function readOrNothing(takeover: Takeover): Promise<LiveService | undefined> {
  const { context, placement } = takeover;
  return tried(takeover, () => placement.target.def.read(context, placement.service));
}

/** A runtime that is away for a moment is no fault of the candidate's. */
async function tried<T>({ signal, log, placement }: Takeover, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn(`${placement.service} could not be looked at: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
