import type { Cause, FingerprintParts } from '../spec/plan.ts';
import { canonicalJson } from './canonical.ts';

/** Why `now` is not what ran `before`: every part that differs, the nearest to the user first. */
export function causesOf(before: FingerprintParts, now: FingerprintParts): readonly Cause[] {
  const causes: Cause[] = [...optionCauses('', before.options, now.options), ...inputCauses(before, now)];
  if (before.stage !== now.stage || before.version !== now.version) {
    causes.push({ why: 'stage-changed', what: now.stage, from: `${before.stage} v${before.version}`, to: `${now.stage} v${now.version}` });
  }
  causes.push(...tableCauses('code-changed', before.code, now.code), ...tableCauses('tool-changed', before.tools, now.tools));
  if (before.format !== now.format)
    causes.push({ why: 'stage-changed', what: 'fingerprint format', from: String(before.format), to: String(now.format) });
  return causes;
}

function inputCauses(before: FingerprintParts, now: FingerprintParts): Cause[] {
  const slots = new Set([...Object.keys(before.inputs), ...Object.keys(now.inputs)]);
  return [...slots].flatMap((slot): Cause[] => {
    const [from, to] = [asText(before.inputs[slot]), asText(now.inputs[slot])];
    return from === to ? [] : [{ why: 'input-changed', slot, from, to }];
  });
}

function asText(digests: string | readonly string[] | undefined): string | undefined {
  return typeof digests === 'string' || digests === undefined ? digests : digests.join(' ');
}

function tableCauses(
  why: 'code-changed' | 'tool-changed',
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): Cause[] {
  return [...new Set([...Object.keys(before), ...Object.keys(now)])].flatMap((what): Cause[] =>
    before[what] === now[what] ? [] : [{ why, what, from: before[what], to: now[what] }],
  );
}

function optionCauses(path: string, from: unknown, to: unknown): Cause[] {
  if (from === to || (from !== undefined && to !== undefined && canonicalJson(from) === canonicalJson(to))) return [];
  const [oldSource, newSource] = [sourceText(from), sourceText(to)];
  if (oldSource && newSource) return [{ why: 'source-changed', path, from: oldSource, to: newSource }];
  if (isTable(from) && isTable(to)) {
    const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
    return [...keys].flatMap((key) => optionCauses(path === '' ? key : `${path}.${key}`, from[key], to[key]));
  }
  return [{ why: 'option-changed', path, from, to }];
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sourceText(value: unknown): string | undefined {
  if (!isTable(value) || typeof value['source'] !== 'string' || typeof value['digest'] !== 'string') return undefined;
  return `${String(value['sizeBytes'])} bytes, sha256 ${value['digest'].slice(0, 12)}`;
}
