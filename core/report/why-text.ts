import type { Account, Evidence, FileState, Reason, WhyCause } from '../plan/account.ts';
import type { FingerprintParts } from '../spec/plan.ts';
import { unreachable } from '../spec/unreachable.ts';
import { causeText } from './change-text.ts';
import { formatMs, formatValue, oneLine, paint, shortDigest } from './format.ts';

const mostLines = 8;

/** An answer to `why`: what becomes of the stage, in short what is behind it, then every link of the chain with what can be shown for it. */
export function whyText(accounts: readonly Account[], { color }: { readonly color: boolean }): string {
  const [asked] = accounts;
  if (asked === undefined) return '';
  const blocks = accounts.map((account) => accountLines(account, color).join('\n'));
  const short = accounts.length > 1 ? [inShort(asked, accounts)] : [];
  return [...short, ...blocks].join('\n\n');
}

/** `./model.keras changed -> onnx -> int8 -> after`, for each thing at the beginning of a chain. */
function inShort(asked: Account, accounts: readonly Account[]): string {
  const ways = new Map([[asked.node, [asked.node]]]);
  for (const { node, reasons } of accounts)
    for (const { from } of reasons) if (from !== undefined && !ways.has(from)) ways.set(from, [from, ...(ways.get(node) ?? [])]);
  const roots = accounts.flatMap(({ node, reasons }) =>
    reasons
      .filter((reason) => reason.from === undefined)
      .map((reason) => `  ${[reasonText(reason), ...wayText(ways.get(node) ?? [])].join(' -> ')}`),
  );
  const shown = [...new Set(roots)];
  const rest = shown.length > mostLines ? [`  and ${shown.length - mostLines} more`] : [];
  return ['In short:', ...shown.slice(0, mostLines), ...rest].join('\n');
}

function wayText(way: readonly string[]): readonly string[] {
  return way.length > 7 ? [...way.slice(0, 3), `(${way.length - 5} more)`, ...way.slice(-2)] : way;
}

function accountLines(account: Account, color: boolean): readonly string[] {
  const told = [account.stage, account.place].filter((each) => each !== undefined);
  const stage = told.length === 0 ? '' : paint(color, 'dim', ` (${told.join(', ')})`);
  const lines = [`${paint(color, 'bold', account.node)}${stage} ${fateText(account)}`];
  for (const reason of account.reasons) {
    lines.push(`  ${reasonText(reason)}`);
    const shown = reason.evidence.flatMap(evidenceLines);
    lines.push(...shown.slice(0, mostLines).map((line) => `    ${line}`));
    if (shown.length > mostLines) lines.push(`    and ${shown.length - mostLines} more`);
  }
  if (account.compared) lines.push(`  compared: ${comparedText(account.compared)}`);
  return lines;
}

function fateText({ fate, run, at, made }: Account): string {
  const then = run === undefined ? '' : ` in run ${run}${at === undefined ? '' : `, ${timeText(at)}`}`;
  const since = made ? `, made by run ${made.run}${made.durationMs === undefined ? '' : ` in ${formatMs(made.durationMs)}`}` : '';
  switch (fate) {
    case 'will-run':
      return 'will run:';
    case 'will-be-reused':
      return `will be reused${since}: nothing that decides its bytes is other than it was then`;
    case 'decided-later':
      return 'is decided later: it runs if what it needs comes out with other bytes';
    case 'live-as-wanted':
      return 'is left alone: the target says that it is live as wanted';
    case 'held-back':
      return 'is held back: this release was refused before; `modelflow run --force` deploys it all the same';
    case 'ran':
      return `ran${then}:`;
    case 'was-reused':
      return `was reused${then}${since}: a result with the same fingerprint was there`;
    case 'failed':
      return `failed${then}:`;
    case 'interrupted':
      return `was interrupted${then}:`;
    case 'skipped':
      return `was left out${then}:`;
    case 'not-known':
      return 'is not known to the plan';
    default:
      return unreachable(fate);
  }
}

/** What happened, on one line; a file is called by its name where it is the only one. */
function reasonText({ cause, from, evidence }: Reason): string {
  const [only, ...others] = evidence.filter(
    (each): each is Exclude<Evidence, { of: 'failure' }> => each.of !== 'failure' && each.of !== 'fact',
  );
  switch (cause.why) {
    case 'source-changed':
      if (only && others.length > 0) return `${others.length + 1} files of option \`${cause.path}\` changed`;
      return only ? `${only.path} ${changeWord(only)} (option \`${cause.path}\`)` : ownText(cause);
    case 'code-changed':
      if (only && others.length > 0) return `${others.length + 1} files of its code changed`;
      return only ? `${only.path} ${changeWord(only)} (code of the stage)` : ownText(cause);
    case 'input-changed': {
      const maker = from === undefined ? '' : ` from \`${from}\``;
      return cause.from === undefined || cause.to === undefined
        ? ownText(cause)
        : `input \`${cause.slot}\`${maker} has other bytes: ${digests(cause.from, cause.to)}`;
    }
    default:
      return ownText(cause);
  }
}

function ownText(cause: WhyCause): string {
  switch (cause.why) {
    case 'waits-for':
      return `\`${cause.node}\` is made first`;
    case 'rewired':
      return `input \`${cause.slot}\` now comes from \`${cause.to}\`, and came from \`${cause.from}\``;
    case 'other-bytes':
      return 'the same inputs, options, code and tools gave other bytes: the stage does not make the same thing twice';
    case 'same-bytes':
      return `\`${cause.node}\` ran again in run ${cause.run}, and gave the same bytes`;
    case 'skipped-for':
      return `\`${cause.node}\` failed`;
    default:
      return causeText(cause);
  }
}

function changeWord({ before, after }: { readonly before: unknown; readonly after: unknown }): string {
  if (before === undefined) return 'is new';
  return after === undefined ? 'is gone' : 'changed';
}

function evidenceLines(evidence: Evidence): readonly string[] {
  switch (evidence.of) {
    case 'file':
      return [`${evidence.path}: ${fileText(evidence)}`];
    case 'package':
      return [`package ${evidence.path}: ${versions(evidence)}`];
    case 'fact':
      return [`fact ${evidence.path}: ${versions(evidence)}`];
    case 'failure':
      return evidence.diagnostics.map(({ code, message }) => `${code}: ${oneLine(message)}`);
    default:
      return unreachable(evidence);
  }
}

function fileText(evidence: Extract<Evidence, { of: 'file' }>): string {
  const { before, after, firstDifferentByte, differentBytes } = evidence;
  if (before === undefined) return `new${sized(after)}`;
  if (after === undefined) return `gone${sized(before)}`;
  const parts = [sizesText(before.sizeBytes, after.sizeBytes)];
  if (firstDifferentByte !== undefined) {
    const isLonger = firstDifferentByte === Math.min(before.sizeBytes ?? 0, after.sizeBytes ?? 0);
    const many = differentBytes === undefined || differentBytes < 2 ? '' : `, ${differentBytes} bytes differ`;
    parts.push(isLonger ? 'the same up to the end of the shorter' : `first different byte at ${firstDifferentByte}${many}`);
  }
  parts.push(`sha256 ${digests(before.sha256, after.sha256)}`);
  return parts.filter((part) => part !== '').join('; ');
}

function sized(file: FileState | undefined): string {
  return file?.sizeBytes === undefined ? '' : `, ${file.sizeBytes} bytes`;
}

function sizesText(before: number | undefined, after: number | undefined): string {
  if (before === undefined || after === undefined) return '';
  if (before === after) return `${after} bytes as before`;
  return `${before} -> ${after} bytes (${Math.abs(after - before)} ${after > before ? 'more' : 'fewer'})`;
}

function versions({ before, after }: { readonly before: unknown; readonly after: unknown }): string {
  const shown = (value: unknown): string =>
    value === undefined ? 'none' : typeof value === 'string' ? oneLine(value) : formatValue(value);
  return `${shown(before)} -> ${shown(after)}`;
}

function digests(before: string, after: string): string {
  return `${shortDigest(before)} -> ${shortDigest(after)}`;
}

function comparedText({ stage, version, code, tools, options, inputs }: FingerprintParts): string {
  const count = (table: unknown, one: string): string[] => {
    const size = typeof table === 'object' && table !== null ? Object.keys(table).length : 0;
    return size === 0 ? [] : [`${size} ${one}${size === 1 ? '' : 's'}`];
  };
  return [
    `${stage} v${version}`,
    ...count(options, 'option'),
    ...count(inputs, 'input'),
    ...count(code, 'code digest'),
    ...count(tools, 'tool'),
  ].join(', ');
}

/** To the second, in UTC: the same wherever it is read. */
function timeText(at: string): string {
  return at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
}
