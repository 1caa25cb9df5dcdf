import type { Cause, LiveChange, Step } from '../spec/plan.ts';
import type { Change } from '../spec/target.ts';
import { unreachable } from '../spec/unreachable.ts';
import { formatValue, oneLine, shortDigest } from './format.ts';

/** Why a node has to run, in words, with what was before and what is now. */
export function causeText(cause: Cause): string {
  switch (cause.why) {
    case 'never-ran':
      return 'never ran before';
    case 'output-missing':
      return 'its result is no longer in the store';
    case 'last-run-failed':
      return 'failed the last time';
    case 'last-run-interrupted':
      return 'was interrupted the last time';
    case 'forced':
      return 'forced';
    case 'input-changed':
      return moved(`input \`${cause.slot}\``, digests(cause.from), digests(cause.to));
    case 'option-changed':
      return moved(`option \`${cause.path}\``, shownValue(cause.from), shownValue(cause.to));
    case 'source-changed':
      return `bytes of \`${cause.path}\` changed: ${cause.from} -> ${cause.to}`;
    case 'stage-changed':
      return moved(`stage ${cause.what}`, cause.from, cause.to);
    case 'code-changed':
      return moved(`code of \`${cause.what}\``, digests(cause.from), digests(cause.to));
    case 'tool-changed':
      return moved(`tool ${cause.what}`, digests(cause.from), digests(cause.to));
    case 'no-longer-true':
      return oneLine(cause.text);
    default:
      return unreachable(cause);
  }
}

function moved(what: string, from: string | undefined, to: string | undefined): string {
  if (from === undefined && to === undefined) return `${what} changed`;
  if (from === undefined) return `${what} is new: ${to}`;
  if (to === undefined) return `${what} is gone (was ${from})`;
  return `${what} changed: ${from} -> ${to}`;
}

function shownValue(value: unknown): string | undefined {
  return value === undefined ? undefined : formatValue(value);
}

/** One digest or several with spaces between; anything else is a version and stays as it is. */
function digests(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const all = text.split(' ').map(shortDigest);
  return all.length > 4 ? `${all.slice(0, 3).join(' ')} and ${all.length - 3} more` : all.join(' ');
}

/** What happens to a service, and where. `isDecided` false: only if what it is made of comes out changed. */
export function liveText(live: LiveChange, isDecided: boolean): string {
  const service = `${live.service} on ${live.target}`;
  switch (live.action) {
    case 'none':
      return `${service} is live as wanted`;
    case 'create':
      return `${service} will be created`;
    case 'replace':
      return isDecided ? `${service} will be replaced` : `${service} would be replaced otherwise`;
    case 'repair':
      return `${service} will be repaired`;
    case 'held':
      return `${service} is held back: this release was refused before; --force deploys it all the same`;
    default:
      return unreachable(live.action);
  }
}

/** Of a step that is decided when its inputs are made. One that never ran, or whose service is not there, has nothing to fall back on. */
export function laterText(step: Extract<Step, { do: 'decide-later' }>, named: (node: string) => string): string {
  const names = step.after.map(named);
  const after = `after ${names.length > 6 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')}`;
  if (step.isForced) return `${after}; forced`;
  if (step.live) return step.live.action === 'create' ? after : `${after}; left alone if the bytes come out the same`;
  return step.lastMs === undefined ? after : `${after}; reused if the bytes come out the same`;
}

/** One line of a diff, or two: the sign, then the path and the value. */
export function changeLines(change: Change): readonly { readonly sign: '+' | '-'; readonly text: string }[] {
  const line = (sign: '+' | '-', value: unknown) => ({ sign, text: `${oneLine(change.path)}: ${formatValue(value, 120)}` });
  return [
    ...(change.before === undefined ? [] : [line('-', change.before)]),
    ...(change.after === undefined ? [] : [line('+', change.after)]),
  ];
}

/** What something else than modelflow changed: `drift: settings.port: 8080 when released, 9090 now`. */
export function driftText({ path, before, after }: Change): string {
  const value = (each: unknown, none: string): string => (each === undefined ? none : formatValue(each));
  return `drift: ${oneLine(path)}: ${value(before, 'not there')} when released, ${value(after, 'gone')} now`;
}

/** The same on one line: `replicas: 1 -> 2`. */
export function changeText(change: Change): string {
  const path = oneLine(change.path);
  if (change.before === undefined) return `${path}: ${formatValue(change.after)} (new)`;
  if (change.after === undefined) return `${path}: ${formatValue(change.before)} (removed)`;
  return `${path}: ${formatValue(change.before)} -> ${formatValue(change.after)}`;
}
