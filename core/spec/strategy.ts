import { z } from 'zod';
import { parseOptions } from './options.ts';

const share = z.number().gt(0).lt(1);
const percent = z.number().gt(0).max(100);
const waitMs = z
  .int()
  .min(0)
  .max(7 * 86_400_000);

/** How a candidate is judged against the release that serves. */
export const Analysis = z.strictObject({
  falseAlarm: share
    .default(0.05)
    .describe('how often, at most, a release that is no worse is refused: over the whole rollout and all measures together'),
  minRequests: z.int().min(1).default(50).describe('answers of the candidate before a step may end well'),
  maxWaitMs: waitMs.default(30 * 60_000).describe('how long a step may wait for a verdict'),
  intervalMs: z.int().min(100).max(3_600_000).default(5_000).describe('how often the counts are looked at'),
  errors: z
    .union([
      z.literal(false),
      z.strictObject({ tolerate: share.default(0.01).describe('by how much the share of failed requests of the service may rise') }),
    ])
    .prefault({}),
  latency: z
    .union([
      z.literal(false),
      z.strictObject({
        tolerate: z
          .number()
          .gt(0)
          .max(10)
          .default(0.25)
          .describe('by how much requests may take longer, as a share; counted in steps of a quarter'),
        ignoreBelowMs: z
          .number()
          .min(0)
          .max(60_000)
          .default(5)
          .describe('answers that are quicker are quick enough, however much slower they got'),
      }),
    ])
    .prefault({}),
  disagreement: z
    .union([z.literal(false), z.strictObject({ atMost: share.default(0.1).describe('share of requests that may be answered otherwise') })])
    .prefault({}),
});
export type Analysis = z.output<typeof Analysis>;

const onInconclusive = z
  .enum(['pause', 'roll-back', 'promote'])
  .default('pause')
  .describe('what happens when a step has waited long enough without a verdict');

const Rolling = z.strictObject({ strategy: z.literal('rolling') });
const BlueGreen = z.strictObject({
  strategy: z.literal('blue-green'),
  keepMs: waitMs.default(60_000).describe('how long the release before goes on running beside, ready to take over again'),
});
const Canary = z.strictObject({
  strategy: z.literal('canary'),
  steps: z.array(percent).min(1).default([5, 25, 50]).describe('percent of the requests that the candidate gets, step by step'),
  mirror: z
    .number()
    .min(0)
    .max(100)
    .default(10)
    .describe('percent of the requests that the candidate gets a copy of, to compare its answers; where the target can do that'),
  analysis: Analysis.prefault({}),
  onInconclusive,
});
const Shadow = z.strictObject({
  strategy: z.literal('shadow'),
  mirror: percent.default(100).describe('percent of the requests that are copied to the candidate'),
  analysis: Analysis.prefault({}),
  onInconclusive,
});
export const Strategy = z.discriminatedUnion('strategy', [Rolling, BlueGreen, Canary, Shadow]);
/** How a release takes over from the one before. It is no part of what is released, and in no fingerprint. */
export type Strategy = z.output<typeof Strategy>;

const settingsOf = {
  'blue-green': BlueGreen.omit({ strategy: true }),
  canary: Canary.omit({ strategy: true }).refine(({ steps }) => steps.every((step, at) => step > (steps[at - 1] ?? 0)), {
    path: ['steps'],
    message: 'Each step has to be larger than the one before',
  }),
  shadow: Shadow.omit({ strategy: true }),
} as const;

/** The release takes over as the target does it by itself, without losing a request. What deploys does this unless it is told otherwise. */
export function rolling(): Strategy {
  return { strategy: 'rolling' };
}

/** The release is brought up whole beside the one that serves, which stays ready for a while after the switch. */
export function blueGreen(given: z.input<(typeof settingsOf)['blue-green']> = {}): Strategy {
  return { strategy: 'blue-green', ...parseOptions('blueGreen', settingsOf['blue-green'], given, blueGreen) };
}

/** The release gets a growing share of the requests, and is judged against the one that serves at every step. */
export function canary(given: z.input<(typeof settingsOf)['canary']> = {}): Strategy {
  return { strategy: 'canary', ...parseOptions('canary', settingsOf.canary, given, canary) };
}

/** The release answers copies of requests, which nobody sees, and takes over when its answers stand the comparison. */
export function shadow(given: z.input<(typeof settingsOf)['shadow']> = {}): Strategy {
  return { strategy: 'shadow', ...parseOptions('shadow', settingsOf.shadow, given, shadow) };
}

/** Was it made by one of these functions, or could it have been? */
export function isStrategy(value: unknown): value is Strategy {
  return Strategy.safeParse(value).success;
}
