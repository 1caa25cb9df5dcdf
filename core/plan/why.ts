import type { Cause, FingerprintParts, Step } from '../spec/plan.ts';
import { unreachable } from '../spec/unreachable.ts';
import type { Account, Fate, Reason, WhyAsked, WhyCause } from './account.ts';
import { causesOf } from './explain.ts';
import type { Making } from './lineage.ts';
import { causes } from './plan.ts';
import { type Past, reasonsFor, type Subject } from './why-reasons.ts';

/** The account of a node as the plan has it, and of every node that it leads to, the nearest first; each node once. */
export async function whyNow(node: string, asked: WhyAsked): Promise<readonly Account[]> {
  return follow({ node, in: 'plan' }, asked);
}

/** The same for a run that was. `planned`: causes that only its plan knew, such as `forced`. Undefined when the run did not look at the node. */
export async function whyIn(
  run: string,
  node: string,
  asked: WhyAsked,
  planned: readonly Cause[],
): Promise<readonly Account[] | undefined> {
  const past = pastOf(node, run, asked);
  return past && follow({ ...past, planned }, asked);
}

async function follow(first: Subject, asked: WhyAsked): Promise<readonly Account[]> {
  const accounts: Account[] = [];
  const queue = [first];
  const seen = new Set([first.node]);
  for (let at = 0; at < queue.length; at++) {
    const subject = queue[at] as Subject;
    const leads: Subject[] = [];
    accounts.push(subject.in === 'plan' ? await accountNow(subject.node, asked, leads) : await accountThen(subject, asked, leads));
    for (const lead of leads) {
      if (seen.has(lead.node)) continue;
      seen.add(lead.node);
      queue.push(lead);
    }
  }
  return accounts;
}

async function accountNow(node: string, asked: WhyAsked, leads: Subject[]): Promise<Account> {
  const step = asked.steps.get(node);
  const base = { node, stage: step?.stage, run: undefined, at: undefined };
  if (step === undefined) return { ...base, fate: 'not-known', reasons: [] };
  switch (step.do) {
    case 'run':
      return { ...base, fate: 'will-run', reasons: await reasonsToRun(step, asked, leads) };
    case 'decide-later': {
      leads.push(...step.after.map((after): Subject => ({ node: after, in: 'plan' })));
      const own = await ownReasons(node, asked);
      const waits = step.after.map((after) => leading({ why: 'waits-for', node: after }, after));
      return { ...base, fate: own.length > 0 ? 'will-run' : 'decided-later', reasons: [...own, ...waits] };
    }
    case 'reuse':
    case 'keep': {
      const fate = step.do === 'reuse' ? 'will-be-reused' : step.live.action === 'held' ? 'held-back' : 'live-as-wanted';
      return {
        ...base,
        fate,
        ...reused(node, step.fingerprint, asked.parts.get(node), asked),
        reasons: sameBytes(node, step.fingerprint, asked),
      };
    }
    default:
      return unreachable(step);
  }
}

async function reasonsToRun(step: Extract<Step, { do: 'run' }>, asked: WhyAsked, leads: Subject[]): Promise<readonly Reason[]> {
  const { node, because } = step;
  const makings = asked.lineage.get(node) ?? [];
  const now = asked.parts.get(node);
  const last = makings.findLast((each) => each.parts !== undefined);
  const ground = { node, before: last?.parts, now, diagnostics: makings.at(-1)?.diagnostics ?? [] };
  const reasons = await reasonsFor(because, ground, asked, leads);
  if (!because.some(({ why }) => why === 'last-run-failed' || why === 'last-run-interrupted')) return reasons;
  // Why it was tried at all: what has changed since it last came to its end.
  const whole = makings.findLast((each) => each.digest !== undefined && each.parts !== undefined);
  if (!whole?.parts || !now) return reasons;
  return [...reasons, ...(await reasonsFor(causesOf(whole.parts, now), { ...ground, before: whole.parts }, asked, leads))];
}

/** What has changed in the node itself: it then runs, whatever its inputs come out as. */
async function ownReasons(node: string, asked: WhyAsked): Promise<readonly Reason[]> {
  const before = asked.lineage.get(node)?.findLast((each) => each.parts !== undefined)?.parts;
  const now = asked.parts.get(node);
  if (before === undefined || now === undefined) return [];
  const own = causesOf({ ...before, inputs: {} }, { ...now, inputs: {} });
  return reasonsFor(own, { node, before, now, diagnostics: [] }, asked, []);
}

async function accountThen(subject: Past, asked: WhyAsked, leads: Subject[]): Promise<Account> {
  const { node, making, before } = subject;
  const stage = making.stage ?? asked.graph.byName.get(node)?.node.stage.name;
  const base = { node, stage, run: making.run, at: making.at };
  if (making.how === 'skipped') {
    leads.push(...making.because.flatMap((other) => pastOf(other, making.run, asked) ?? []));
    return { ...base, fate: 'skipped', reasons: making.because.map((other) => leading({ why: 'skipped-for', node: other }, other)) };
  }
  const ground = { node, before: before?.parts, now: making.parts, diagnostics: making.diagnostics };
  const reasons = await reasonsFor(causesThen(subject), ground, asked, leads);
  const failed: readonly Reason[] =
    making.diagnostics.length === 0
      ? []
      : [{ cause: { why: 'last-run-failed' }, evidence: [{ of: 'failure', diagnostics: making.diagnostics }] }];
  const made = making.how === 'reused' ? reused(node, making.fingerprint, making.parts, asked) : {};
  return { ...base, ...made, fate: fateOf(making.how), reasons: [...failed, ...reasons] };
}

/** Against what stood before, the same causes as a plan would have given. */
function causesThen({ making, before, planned }: Past): readonly WhyCause[] {
  const { parts, fingerprint } = making;
  if (parts === undefined) return planned;
  const found = before?.parts ? causesOf(before.parts, parts) : [];
  if (making.how === 'reused') return found;
  if (planned.length > 0) return planned;
  if (before?.parts === undefined) return [{ why: 'never-ran' }];
  if (found.length > 0 || fingerprint === undefined) return found;
  if (before.digest !== undefined && making.digest !== undefined && before.digest !== making.digest) return [{ why: 'other-bytes' }];
  const outcome = before.how === 'failed' || before.how === 'interrupted' ? before.how : 'done';
  return causes({ fingerprint, parts: before.parts, outcome, lastMs: undefined, madeFingerprint: undefined }, parts, fingerprint);
}

function pastOf(node: string, run: string, asked: WhyAsked): Past | undefined {
  const makings = asked.lineage.get(node) ?? [];
  const at = makings.findIndex((each) => each.run === run);
  const making = makings[at];
  if (making === undefined) return undefined;
  return { node, in: 'run', making, before: makings.slice(0, at).findLast((each) => each.parts !== undefined), planned: [] };
}

function leading(cause: WhyCause, from: string): Reason {
  return { cause, from, evidence: [] };
}

function reused(
  node: string,
  fingerprint: string | undefined,
  parts: FingerprintParts | undefined,
  asked: WhyAsked,
): Pick<Account, 'made' | 'compared'> {
  const making = asked.lineage.get(node)?.findLast((each) => each.how === 'made' && each.fingerprint === fingerprint);
  return {
    ...(making ? { made: { run: making.run, at: making.at, durationMs: making.durationMs } } : {}),
    ...(parts ? { compared: parts } : {}),
  };
}

/** What was made again since, and came out with the bytes that this was made of. */
function sameBytes(node: string, fingerprint: string, asked: WhyAsked): readonly Reason[] {
  const own = asked.lineage.get(node)?.findLast((each) => each.how === 'made' && each.fingerprint === fingerprint);
  if (own === undefined) return [];
  const edges = asked.graph.byName.get(node)?.edges.filter((edge) => !edge.isGate) ?? [];
  return [...new Set(edges.map((edge) => edge.from))].flatMap((from): Reason[] => {
    const again = asked.lineage.get(from)?.findLast((each) => each.how === 'made' && each.run > own.run);
    return again ? [{ cause: { why: 'same-bytes', node: from, run: again.run }, evidence: [] }] : [];
  });
}

function fateOf(how: Exclude<Making['how'], 'skipped'>): Fate {
  switch (how) {
    case 'made':
      return 'ran';
    case 'reused':
      return 'was-reused';
    case 'failed':
      return 'failed';
    case 'interrupted':
      return 'interrupted';
    default:
      return unreachable(how);
  }
}
