import type { Plan, PlannedApproval, PlannedGate, PlannedPolicy, Step } from '../spec/plan.ts';
import { unreachable } from '../spec/unreachable.ts';
import { causeText, changeLines, driftText, laterText, liveText } from './change-text.ts';
import { clip, formatMs, oneLine } from './format.ts';
import { approvalWord, liveOf, policyWord, type StepWord, summaryLine, verdictWord, wordOf } from './plan-summary.ts';

/** GitHub refuses a comment of more than 65 536 characters. */
const commentLimit = 65_000;
const cellLimit = 400;
/** A table longer than this is folded. */
const shownRows = 40;

/** A hidden first line by which the comment of a pipeline and profile is found again, to be replaced and not repeated. */
export function planMarker(plan: Pick<Plan, 'pipeline' | 'profile'>): string {
  return `<!-- modelflow plan: ${plan.pipeline}/${plan.profile} -->`;
}

/** A plan as a pull request comment: summary, what runs and why, live changes as a diff, gates, and folded what is reused. At most 65 000 characters. */
export function planMarkdown(plan: Plan, options: { readonly limit?: number; readonly cores?: number } = {}): string {
  const limit = options.limit ?? commentLimit;
  const head = [
    planMarker(plan),
    `### Plan of \`${plan.pipeline}\`${plan.profile === 'default' ? '' : `, profile \`${plan.profile}\``}`,
    '',
    `**${summaryLine(plan, options.cores)}**`,
    '',
    '',
  ].join('\n');
  const working = plan.steps.filter((step) => !isQuiet(wordOf(step)));
  const quiet = plan.steps.filter((step) => isQuiet(wordOf(step)));
  const refused = plan.gates.filter((gate) => gate.verdict === 'fail' || gate.verdict === 'not-enough-data');
  const others = plan.gates.filter((gate) => !refused.includes(gate));
  // In the order of what must not be lost when the room runs out.
  const sections: readonly Section[] = [
    gateSection('Gates that refuse', refused, false),
    policySection(
      plan.policies.filter((each) => each.verdict === 'refuse' || each.verdict === 'warn'),
      'Policies that speak against it',
      undefined,
    ),
    approvalSection(plan.approvals),
    stepSection(working),
    ...working.flatMap(liveSection),
    gateSection('Gates', others, others.length > shownRows),
    policySection(
      plan.policies.filter((each) => each.verdict === 'pass' || each.verdict === 'decided-later'),
      '',
      'Policies',
    ),
    quietSection(quiet),
  ];
  let text = head;
  for (const section of sections) text += fitted(section, limit - text.length);
  return text;
}

function isQuiet(word: StepWord): boolean {
  return word === 'reuse' || word === 'keep';
}

/** Rows between an opening and a closing that belong together: a table that is cut is still a table. */
interface Section {
  readonly open: string;
  readonly rows: readonly string[];
  readonly close: string;
  readonly more: (left: number) => string;
}

function fitted(section: Section, room: number): string {
  if (section.rows.length === 0) return '';
  const reserve = section.open.length + section.close.length + 120;
  let used = reserve;
  const taken: string[] = [];
  for (const row of section.rows) {
    if (used + row.length + 1 > room) break;
    used += row.length + 1;
    taken.push(row);
  }
  const left = section.rows.length - taken.length;
  if (taken.length === 0) return room > 120 ? `${section.more(left)}\n\n` : '';
  const body = `${section.open}${taken.join('\n')}\n${section.close}`;
  return left === 0 ? `${body}\n` : `${body}\n${section.more(left)}\n\n`;
}

function tableOf(title: string, head: readonly string[], rows: readonly (readonly string[])[], folded: string | undefined): Section {
  const table = `| ${head.join(' | ')} |\n|${' --- |'.repeat(head.length)}\n`;
  return {
    open: folded === undefined ? `${title}${table}` : `<details><summary>${folded}</summary>\n\n${table}`,
    rows: rows.map((cells) => `| ${cells.join(' | ')} |`),
    close: folded === undefined ? '' : '\n</details>\n',
    more: (left) => `_${left} more ${left === 1 ? 'row does' : 'rows do'} not fit here: see \`modelflow plan\`._`,
  };
}

function stepSection(steps: readonly Step[]): Section {
  const rows = steps.map((step) => {
    const word = wordOf(step);
    const time = step.lastMs === undefined ? '' : formatMs(step.lastMs);
    return [code(step.node), code(step.stage), `**${word}**`, reasons(step).map(cell).join('<br>'), time];
  });
  return tableOf('', ['', 'Stage', 'Plan', 'Why', 'Last time'], rows, undefined);
}

function reasons(step: Step): readonly string[] {
  const live = liveOf(step);
  const inWorld = live ? [liveText(live, step.do !== 'decide-later')] : [];
  switch (step.do) {
    case 'run':
      return [...step.because.map(causeText), ...inWorld];
    case 'decide-later':
      return [laterText(step, (name) => `\`${name}\``), ...inWorld];
    case 'reuse':
    case 'keep':
      return inWorld;
    default:
      return unreachable(step);
  }
}

function liveSection(step: Step): readonly Section[] {
  const live = liveOf(step);
  if (live === undefined || live.changes.length + live.drift.length === 0) return [];
  // `!` is the third colour that a diff has on GitHub.
  const drift = live.drift.map((change) => `! ${driftText(change)}`);
  const rows = [...drift, ...live.changes.flatMap(changeLines).map(({ sign, text }) => `${sign} ${text}`)];
  const fence = fenceFor(rows);
  return [
    {
      open: `**Live change**: ${cell(liveText(live, step.do !== 'decide-later'))}\n\n${fence}diff\n`,
      rows,
      close: `${fence}\n`,
      more: (left) => `_${left} more ${left === 1 ? 'line does' : 'lines do'} not fit here._`,
    },
  ];
}

function gateSection(title: string, gates: readonly PlannedGate[], isFolded: boolean): Section {
  const rows = gates.map((gate) => {
    const word = verdictWord(gate.verdict);
    return [gate.verdict === 'fail' ? `**${word}**` : word, code(gate.node), cell(gate.text), cell(gate.detail)];
  });
  return tableOf(`**${title}**\n\n`, ['Verdict', 'Before', 'Gate', 'Measured'], rows, isFolded ? `${gates.length} gates` : undefined);
}

function policySection(policies: readonly PlannedPolicy[], title: string, folded: string | undefined): Section {
  const rows = policies.map(({ policy, node, verdict, message }) => {
    const word = policyWord(verdict);
    return [verdict === 'refuse' ? `**${word}**` : word, node === undefined ? 'the plan' : code(node), cell(policy), cell(message)];
  });
  return tableOf(`**${title}**\n\n`, ['Verdict', 'On', 'Policy', ''], rows, folded && `${folded} (${rows.length})`);
}

function approvalSection(approvals: readonly PlannedApproval[]): Section {
  const rows = approvals.map((each) => [
    each.state === 'needed' ? `**${approvalWord(each)}**` : cell(approvalWord(each)),
    code(each.node),
    cell(each.why),
    each.fingerprint === undefined ? '' : code(each.fingerprint.slice(0, 12)),
  ]);
  return tableOf('**Approvals**\n\n', ['', 'Stage', 'Why', 'Counts for'], rows, undefined);
}

function quietSection(steps: readonly Step[]): Section {
  const rows = steps.map((step) => [
    code(step.node),
    code(step.stage),
    wordOf(step),
    'digest' in step && step.digest ? code(step.digest.slice(0, 12)) : '',
  ]);
  const counted = steps.length === 1 ? '1 step that stays as it is' : `${steps.length} steps that stay as they are`;
  return tableOf('', ['', 'Stage', 'Plan', 'Digest'], rows, counted);
}

/** Text in a table cell: nothing in it is markup, a mention or the end of the cell, except words that already stand in backticks. */
function cell(text: string): string {
  return clip(oneLine(text), cellLimit)
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? code(part.slice(1, -1)) : escaped(part)))
    .join('');
}

function escaped(text: string): string {
  return text
    .replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign] ?? sign)
    .replace(/[\\`*_~|[\]#]/g, '\\$&')
    .replace(/@(?=\w)/g, '@\u200b')
    .replace(/:\/\//g, ':\u200b//');
}

/** A code span in a table: a bar would end the cell even inside of it. */
function code(text: string): string {
  const clean = oneLine(text).replaceAll('|', '\\|');
  if (clean === '') return '';
  const ticks = '`'.repeat(longestRun(clean) + 1);
  const pad = clean.startsWith('`') || clean.endsWith('`') ? ' ' : '';
  return `${ticks}${pad}${clean}${pad}${ticks}`;
}

function fenceFor(rows: readonly string[]): string {
  return '`'.repeat(Math.max(3, Math.max(0, ...rows.map(longestRun)) + 1));
}

function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
