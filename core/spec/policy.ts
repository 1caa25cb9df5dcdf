import { z } from 'zod';
import type { Retries, RunPolicy } from './ref.ts';

const pauses = { firstPauseMs: 1_000, longestPauseMs: 30_000 } as const;
const times = z.int().min(0).max(20);
const pauseMs = z.int().min(0).max(86_400_000);

/** What every stage takes beside its own options; how the engine treats a node is no part of its fingerprint. */
export const commonOptions = {
  retries: z.union([times, z.strictObject({ times, firstPauseMs: pauseMs.optional(), longestPauseMs: pauseMs.optional() })]).default(0),
  timeoutMs: z.int().positive().optional(),
  weight: z
    .strictObject({
      cpu: z.number().positive().default(1),
      memory: z.union([z.number().min(0), z.string().transform(sizeBytesOf)]).default(0),
    })
    .prefault({}),
  approval: z.union([z.boolean(), z.string().min(1)]).default(false),
};

/** Those of them that become the policy of a node, after their schemas. */
export type ParsedCommon = { readonly [Name in keyof typeof commonOptions]: z.output<(typeof commonOptions)[Name]> };

export function policyOf({ retries, timeoutMs, weight, approval }: ParsedCommon): RunPolicy {
  return {
    retries: retriesOf(retries),
    timeoutMs,
    weight: { cpu: weight.cpu, memoryBytes: weight.memory },
    approval: approval === true ? 'it is marked with `approval`' : approval || undefined,
  };
}

function retriesOf(given: ParsedCommon['retries']): Retries {
  if (typeof given === 'number') return { times: given, ...pauses };
  const { firstPauseMs = pauses.firstPauseMs, longestPauseMs = Math.max(pauses.longestPauseMs, firstPauseMs) } = given;
  return { times: given.times, firstPauseMs, longestPauseMs };
}

const units = ['', 'k', 'm', 'g', 't'] as const;

/** `2GiB`, `512 MiB`, `1.5GB`: powers of 1024 with the `i`, of 1000 without. */
function sizeBytesOf(text: string, context: z.RefinementCtx): number {
  const [, number = '', unit = '', binary] = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?\s*$/i.exec(text) ?? [];
  if (number === '') {
    context.addIssue({ code: 'custom', message: `Expected bytes, or a size such as '2GiB'` });
    return z.NEVER;
  }
  return Math.round(Number(number) * (binary ? 1024 : 1000) ** units.indexOf(unit.toLowerCase() as (typeof units)[number]));
}
