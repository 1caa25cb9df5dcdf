import { z } from 'zod';
import type { FingerprintParts, Plan } from './plan.ts';
import { Strategy } from './strategy.ts';

/** A plan as a file that is reviewed, and that `modelflow run --plan` carries out: with everything that must not have moved by then. */
export interface PlanFile extends Plan {
  readonly modelflow: string;
  /** `+` behind it: files differed from the commit. Told to the reader; the bytes are what counts. */
  readonly commit: string | undefined;
  readonly config: {
    readonly digest: string;
    /** The configuration and all it imports: `file <path>` → sha256, `package <name>` → version. */
    readonly parts: Readonly<Record<string, string>>;
  };
  readonly selection: { readonly only: readonly string[]; readonly from: readonly string[]; readonly force: readonly string[] | true };
  /** Node → what decides its bytes. Inputs that are not made yet are left out. */
  readonly parts: Readonly<Record<string, FingerprintParts>>;
  /** sha256 over the canonical JSON of all the rest. */
  readonly planDigest: string;
}

const text = z.string();
const maybe = text.optional();
const anything = z.unknown().optional();
const table = z.record(text, text);
const list = <T extends z.ZodType>(item: T) => z.array(item).readonly();

const change = z.object({ path: text, before: anything, after: anything });
const finding = z.object({
  measure: z.enum(['errors', 'latency', 'disagreement']),
  outcome: z.enum(['pass', 'fail', 'wait']),
  evidence: z.number(),
  limit: z.number(),
  detail: text,
  needs: z.number().optional(),
});
const underway = z.object({
  stamp: text,
  from: text,
  strategy: z.enum(['rolling', 'blue-green', 'canary', 'shadow']),
  step: z.number().optional().describe('counts from 0'),
  weight: z.number(),
  state: z.enum(['going', 'paused', 'going-back']),
  since: text,
  why: maybe,
  answers: z.number(),
  failures: z.number(),
  findings: list(finding),
});
const rollout = z.object({
  strategy: Strategy,
  steps: list(z.object({ weight: z.number(), mirror: z.number().optional(), wanted: z.number().optional() })),
  replicas: z.number().optional().describe('where only replicas split the traffic: how many there are'),
  underway: underway.optional(),
});
const live = z.object({
  target: text,
  service: text,
  action: z.enum(['none', 'create', 'replace', 'repair', 'held']),
  changes: list(change),
  drift: list(change).describe('what somebody else changed since the last release'),
  url: maybe,
  token: text.describe('changes whenever the live state does'),
  rollout: rollout.optional().describe('in which steps it takes over, and one that is under way'),
  unasked: text.optional().describe('why the target could not be asked what it would change'),
});
const cause = z.discriminatedUnion('why', [
  z.object({ why: z.enum(['never-ran', 'output-missing', 'last-run-failed', 'last-run-interrupted', 'forced']) }),
  z.object({ why: z.literal('input-changed'), slot: text, from: maybe, to: maybe }),
  z.object({ why: z.literal('option-changed'), path: text, from: anything, to: anything }),
  z.object({ why: z.literal('source-changed'), path: text, from: text, to: text }),
  z.object({ why: z.enum(['stage-changed', 'code-changed', 'tool-changed']), what: text, from: maybe, to: maybe }),
  z.object({ why: z.literal('no-longer-true'), text }),
]);
const stepBase = z.object({ node: text, stage: text, lastMs: z.number().optional(), needs: list(text).optional() });
const step = z.discriminatedUnion('do', [
  stepBase.extend({ do: z.literal('reuse'), digest: text, fingerprint: text }),
  stepBase.extend({ do: z.literal('run'), because: list(cause), fingerprint: text, live: live.optional() }),
  stepBase.extend({ do: z.literal('decide-later'), after: list(text), live: live.optional(), isForced: z.literal(true).optional() }),
  stepBase.extend({ do: z.literal('keep'), digest: maybe, fingerprint: text, live }),
]);
const parts = z.object({
  format: z.number(),
  stage: text,
  version: z.number(),
  code: table,
  tools: table,
  options: anything,
  inputs: z.record(text, z.union([text, list(text)])),
});

/** The format of the file; its JSON Schema is published in docs/reference. What a later version adds is kept. */
export const planFileSchema = z.looseObject({
  format: z.literal(2),
  modelflow: text.describe('the version that made it'),
  pipeline: text,
  profile: text,
  commit: maybe,
  config: z.object({ digest: text, parts: table }),
  selection: z.object({ only: list(text), from: list(text).default([]), force: z.union([list(text), z.literal(true)]) }),
  steps: list(step),
  gates: list(z.object({ node: text, text, verdict: z.enum(['pass', 'fail', 'not-enough-data', 'decided-later']), detail: text })),
  policies: list(z.object({ policy: text, node: maybe, verdict: z.enum(['pass', 'warn', 'refuse', 'decided-later']), message: text })),
  approvals: list(z.object({ node: text, why: text, state: z.enum(['given', 'needed', 'decided-later']), fingerprint: maybe, by: maybe })),
  parts: z.record(text, parts).describe('node → what decides its bytes; inputs not made yet are left out'),
  planDigest: text.describe('sha256 over the canonical JSON of all the rest'),
});
