import type { Gate, Needing, Ref } from '../spec/ref.ts';
import { unreachable } from '../spec/unreachable.ts';

export interface Verdict {
  readonly verdict: 'pass' | 'fail' | 'not-enough-data';
  /** The values compared, and by how much it passed or failed. */
  readonly detail: string;
}

/** What a gate says of itself, with the names people know its nodes by. */
export function gateText(gate: Gate, nameOf: (ref: Ref) => string): string {
  switch (gate.gate) {
    case 'at-least':
      return `${nameOf(gate.on)}.${gate.fact} at least ${gate.limit}`;
    case 'at-most':
      return `${nameOf(gate.on)}.${gate.fact} at most ${gate.limit}`;
    case 'drop-at-most':
      return `${gate.fact} drops by at most ${gate.limit} from ${nameOf(gate.before)} to ${nameOf(gate.after)}`;
    case 'all':
      return gate.of.map((each) => gateText(each, nameOf)).join(', and ');
    case 'any':
      return `one of: ${gate.of.map((each) => gateText(each, nameOf)).join('; ')}`;
    case 'code':
      return `${gate.message} (code, on ${nameOf(gate.on)})`;
    default:
      return unreachable(gate);
  }
}

/** Judges a gate on the facts of finished nodes. Throws nothing: a fact that is not there fails the gate. */
export function judge(gate: Gate, factsOf: (ref: Ref) => unknown): Verdict {
  switch (gate.gate) {
    case 'at-least':
    case 'at-most':
      return compare(gate, factsOf(gate.on));
    case 'drop-at-most':
      return judgeDrop(gate, factsOf(gate.before), factsOf(gate.after));
    case 'all':
      return worst(gate.of.map((each) => judge(each, factsOf)));
    case 'any':
      return best(gate.of.map((each) => judge(each, factsOf)));
    case 'code':
      return judgeCode(gate, factsOf(gate.on));
    default:
      return unreachable(gate);
  }
}

function compare(gate: Extract<Gate, { gate: 'at-least' | 'at-most' }>, facts: unknown): Verdict {
  const value = numberAt(facts, gate.fact);
  if (value === undefined) return missing(gate.fact, facts);
  const short = shortOf(gate.needing, facts);
  if (short) return short;
  const margin = gate.gate === 'at-least' ? value - gate.limit : gate.limit - value;
  return verdictOf(margin, `${gate.fact} is ${figure(value)}`);
}

function judgeDrop(gate: Extract<Gate, { gate: 'drop-at-most' }>, before: unknown, after: unknown): Verdict {
  const [from, to] = [numberAt(before, gate.fact), numberAt(after, gate.fact)];
  if (from === undefined || to === undefined) return missing(gate.fact, from === undefined ? before : after);
  const short = shortOf(gate.needing, before) ?? shortOf(gate.needing, after);
  if (short) return short;
  return verdictOf(gate.limit - (from - to), `${gate.fact} went from ${figure(from)} to ${figure(to)}`);
}

function judgeCode(gate: Extract<Gate, { gate: 'code' }>, facts: unknown): Verdict {
  try {
    // `must` typed the callback by the kind whose facts these are.
    const holds = (gate.holds as (facts: unknown) => unknown)(facts);
    if (holds === true) return { verdict: 'pass', detail: 'holds' };
    if (holds === false) return { verdict: 'fail', detail: gate.message };
    // A promise would count as true, whatever it comes to.
    return {
      verdict: 'fail',
      detail: `the condition returned ${holds instanceof Promise ? 'a promise' : typeof holds}, not true or false`,
    };
  } catch (error) {
    return { verdict: 'fail', detail: `the condition threw: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** A margin that is zero but for rounding passes: 0.9 − 0.895 must not refuse a limit of 0.005. */
function verdictOf(margin: number, what: string): Verdict {
  const passes = margin >= -1e-12;
  return {
    verdict: passes ? 'pass' : 'fail',
    detail: `${what}: ${passes ? 'holds with' : 'missed by'} ${figure(Math.abs(margin))}${passes ? ' to spare' : ''}`,
  };
}

/** Enough to see what sort of facts there are. */
const shownNumbers = 8;

function missing(fact: string, facts: unknown): Verdict {
  const numbers =
    typeof facts === 'object' && facts !== null ? Object.keys(facts).filter((name) => numberAt(facts, name) !== undefined) : [];
  const some = numbers.length > shownNumbers ? [...numbers.slice(0, shownNumbers), '…'] : numbers;
  return { verdict: 'fail', detail: `there is no number \`${fact}\` among the facts; there are ${some.join(', ') || 'none'}` };
}

function shortOf(needing: Needing, facts: unknown): Verdict | undefined {
  for (const [fact, least] of Object.entries(needing)) {
    const value = numberAt(facts, fact) ?? 0;
    if (value < least) return { verdict: 'not-enough-data', detail: `${fact} is ${figure(value)}: ${figure(least - value)} more needed` };
  }
  return undefined;
}

function worst(verdicts: readonly Verdict[]): Verdict {
  const first = verdicts.find((each) => each.verdict === 'fail') ?? verdicts.find((each) => each.verdict === 'not-enough-data');
  return first ?? { verdict: 'pass', detail: verdicts.map((each) => each.detail).join('; ') };
}

function best(verdicts: readonly Verdict[]): Verdict {
  const passing = verdicts.find((each) => each.verdict === 'pass') ?? verdicts.find((each) => each.verdict === 'not-enough-data');
  return passing ?? { verdict: 'fail', detail: verdicts.map((each) => each.detail).join('; ') };
}

/** A number at a dotted path, or nothing. */
export function numberAt(facts: unknown, path: string): number | undefined {
  let value = facts;
  for (const key of path.split('.'))
    value = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}

function figure(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
}
