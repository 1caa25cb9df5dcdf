import type { Cause } from '../spec/plan.ts';
import type { Ground, Reason, WhyAsked, WhyCause } from './account.ts';
import type { Making } from './lineage.ts';

/** A node at a moment that was: what a run did with it, held against what stood before. */
export interface Past {
  readonly node: string;
  readonly in: 'run';
  readonly making: Making;
  readonly before: Making | undefined;
  readonly planned: readonly Cause[];
}

/** What an account is asked of. */
export type Subject = { readonly node: string; readonly in: 'plan' } | Past;

/** The causes with their evidence; an input that changed leads on to the node that made it, which is added to `leads`. */
export async function reasonsFor(
  found: readonly WhyCause[],
  ground: Omit<Ground, 'cause'>,
  asked: WhyAsked,
  leads: Subject[],
): Promise<readonly Reason[]> {
  const reasons: Reason[] = [];
  for (const cause of found) {
    if (cause.why === 'input-changed') reasons.push(...(await inputReasons(cause, ground, asked, leads)));
    else reasons.push({ cause, evidence: await asked.evidence({ ...ground, cause }) });
  }
  return reasons;
}

/** One reason for each artifact of the slot that is another one. */
async function inputReasons(
  cause: Extract<Cause, { why: 'input-changed' }>,
  ground: Omit<Ground, 'cause'>,
  asked: WhyAsked,
  leads: Subject[],
): Promise<readonly Reason[]> {
  const [before, after] = [cause.from?.split(' ') ?? [], cause.to?.split(' ') ?? []];
  const reasons: Reason[] = [];
  for (let index = 0; index < Math.max(before.length, after.length); index++) {
    const [from, to] = [before[index], after[index]];
    if (from === to) continue;
    const one = { why: 'input-changed', slot: cause.slot, from, to } as const;
    const evidence = await asked.evidence({ ...ground, cause: one });
    const filler = to === undefined ? undefined : fillerOf(ground.node, cause.slot, index, to, asked);
    const was = from === undefined ? undefined : makerOf(from, filler, asked);
    if (was && filler !== undefined && was.node !== filler) {
      reasons.push({ cause: { why: 'rewired', slot: cause.slot, from: was.node, to: filler }, evidence });
      continue;
    }
    const lead = filler === undefined || to === undefined ? undefined : leadTo(filler, to, was, asked);
    if (lead) leads.push(lead);
    reasons.push({ cause: one, ...(filler === undefined ? {} : { from: filler }), evidence });
  }
  return reasons;
}

/** The node that fills the slot: as the configuration has it, or, for a run of long ago, whoever made those bytes. */
function fillerOf(node: string, slot: string, index: number, digest: string, asked: WhyAsked): string | undefined {
  const edges = asked.graph.byName.get(node)?.edges.filter((edge) => edge.slot === slot && !edge.isGate) ?? [];
  const named = edges[index]?.from;
  const step = named === undefined ? undefined : asked.steps.get(named);
  if (step && 'digest' in step && step.digest === digest) return named;
  return makerOf(digest, named, asked)?.node ?? named;
}

/** The last time that these bytes came from `wanted`, or else from any node. */
function makerOf(digest: string, wanted: string | undefined, asked: WhyAsked): Making | undefined {
  const own = wanted === undefined ? undefined : asked.lineage.get(wanted)?.findLast((each) => each.digest === digest);
  if (own) return own;
  for (const makings of asked.lineage.values()) {
    const found = makings.findLast((each) => each.digest === digest);
    if (found) return found;
  }
  return undefined;
}

function leadTo(node: string, digest: string, before: Making | undefined, asked: WhyAsked): Subject | undefined {
  const all = asked.lineage.get(node)?.filter((each) => each.digest === digest && each.parts !== undefined) ?? [];
  const making = all.findLast((each) => each.how === 'made') ?? all.at(-1);
  if (making) return { node, in: 'run', making, before, planned: [] };
  // Made by another pipeline or profile, or by a run that is no longer kept: what it would be made of now is the same.
  const step = asked.steps.get(node);
  return step && 'digest' in step && step.digest === digest ? { node, in: 'plan' } : undefined;
}
