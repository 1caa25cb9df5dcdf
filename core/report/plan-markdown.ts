import type { Plan, PlannedApproval, PlannedGate, PlannedPolicy, Step } from '../spec/plan.ts';
import { unreachable } from '../spec/unreachable.ts';
import { causeText, changeLines, driftText, laterText, liveText } from './change-text.ts';
import { formatMs } from './format.ts';
import { assembled, cell, code, codeSection, type Section, tableSection } from './markdown.ts';
import {
  approvalWord,
  countPlan,
  fingerprintOf,
  isRefused,
  liveOf,
  policyWord,
  type StepWord,
  summaryLine,
  verdictWord,
  wordOf,
} from './plan-summary.ts';
import { rolloutPlanLines } from './rollout-plan-text.ts';

/** GitHub refuses a comment of more than 65 536 characters. In bytes, which are never fewer, this holds however it counts. */
const commentBytes = 65_000;
/** A table longer than this is folded. */
const shownRows = 40;
const shownReasons = 6;

export interface PlanMarkdownOptions {
  /** Of all of it, in bytes. */
  readonly limit?: number;
  /** Where the rest is to be read when it does not fit, in Markdown. */
  readonly elsewhere?: string;
  /** That stages may take at the same time: for how long it takes. */
  readonly cores?: number;
}

/** A hidden first line by which the comment of a pipeline and profile is found again, to be replaced and not repeated. */
export function planMarker(plan: Pick<Plan, 'pipeline' | 'profile'>): string {
  return `<!-- modelflow plan: ${plan.pipeline}/${plan.profile} -->`;
}

/**
 * A plan as a pull request comment: the verdict, what speaks against it, what changes in the world as a diff, what runs and why, and folded
 * what stays as it is. With the marker as its first line, and never longer than `limit`.
 */
export function planMarkdown(plan: Plan, options: PlanMarkdownOptions = {}): string {
  return `${planMarker(plan)}\n${planBody(plan, options)}`;
}

/** The same without the marker. */
export function planBody(plan: Plan, options: PlanMarkdownOptions = {}): string {
  const head = `### Plan of ${titleOf(plan)}\n\n${verdict(plan, options.cores)}\n\n`;
  const limitBytes = (options.limit ?? commentBytes) - Buffer.byteLength(planMarker(plan)) - 1;
  return assembled(head, sectionsOf(plan), { limitBytes, elsewhere: options.elsewhere ?? '`modelflow plan`' });
}

/** `` `digits`, profile `production` ``. */
export function titleOf({ pipeline, profile }: Pick<Plan, 'pipeline' | 'profile'>): string {
  return `${code(pipeline)}${profile === 'default' ? '' : `, profile ${code(profile)}`}`;
}

/** One line that says whether to look closer. GitHub draws a box of a colour around what it knows as an alert. */
function verdict(plan: Plan, cores: number | undefined): string {
  const { refused, refusedByPolicy, drifted, unapproved, words, isEmpty } = countPlan(plan);
  const line = `**${summaryLine(plan, cores)}**`;
  if (refused + refusedByPolicy > 0) return `> [!CAUTION]\n> ${isEmpty ? '' : '**A run would be refused.** '}${line}`;
  if (drifted > 0) return `> [!WARNING]\n> ${line}<br>What is live is not what was released: somebody else has changed it.`;
  if (unapproved + words.held > 0) return `> [!IMPORTANT]\n> ${line}`;
  return line;
}

/** In the order of what must not be lost when the room runs out. */
function sectionsOf(plan: Plan): readonly Section[] {
  const working = plan.steps.filter((step) => !isQuiet(step));
  const quiet = plan.steps.filter(isQuiet);
  const isAgainst = ({ verdict: word }: PlannedPolicy): boolean => word === 'refuse' || word === 'warn';
  const otherGates = plan.gates.filter((gate) => !isRefused(gate));
  const otherPolicies = plan.policies.filter((policy) => !isAgainst(policy));
  return [
    gateSection(plan.gates.filter(isRefused), 'Gates that refuse', undefined),
    policySection(plan.policies.filter(isAgainst), 'Policies that speak against it', undefined),
    approvalSection(plan.approvals),
    ...working.flatMap(liveSection),
    stepSection(working),
    gateSection(otherGates, 'Gates', otherGates.length > shownRows ? `${otherGates.length} gates` : undefined),
    policySection(otherPolicies, '', `${otherPolicies.length} more ${otherPolicies.length === 1 ? 'policy' : 'policies'}`),
    quietSection(quiet),
  ];
}

/** What is live as wanted is no news, except when somebody else has a hand in it. */
function isQuiet(step: Step): boolean {
  const word: StepWord = wordOf(step);
  return (word === 'reuse' || word === 'keep') && (liveOf(step)?.drift.length ?? 0) === 0;
}

function stepSection(steps: readonly Step[]): Section {
  const rows = steps.map((step) => {
    const time = step.lastMs === undefined ? '' : formatMs(step.lastMs);
    return [code(step.node), code(step.stage), `**${wordOf(step)}**`, shortened(reasons(step)).map(cell).join('<br>'), time];
  });
  const folded = rows.length > shownRows ? `${rows.length} steps that run, or may` : undefined;
  return tableSection(['', 'Stage', 'Plan', 'Why', 'Last time'], rows, { folded });
}

function shortened(texts: readonly string[]): readonly string[] {
  if (texts.length <= shownReasons + 1) return texts;
  return [...texts.slice(0, shownReasons), `and ${texts.length - shownReasons} more reasons`];
}

function reasons(step: Step): readonly string[] {
  const live = liveOf(step);
  const inWorld = live ? [liveText(live, step.do !== 'decide-later'), ...rolloutPlanLines(live, fingerprintOf(step))] : [];
  switch (step.do) {
    case 'run':
      return [...inWorld, ...step.because.map(causeText)];
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
  const unless = step.do === 'decide-later' ? ', unless what it is made of comes out the same' : '';
  return [codeSection('diff', rows, { title: `**Live change**: ${cell(`${live.service} on ${live.target}`)}${unless}` })];
}

function gateSection(gates: readonly PlannedGate[], title: string, folded: string | undefined): Section {
  const rows = gates.map((gate) => {
    const word = verdictWord(gate.verdict);
    return [gate.verdict === 'fail' ? `**${word}**` : word, code(gate.node), cell(gate.text), cell(gate.detail)];
  });
  return tableSection(['Verdict', 'Before', 'Gate', 'Measured'], rows, { title, folded });
}

function policySection(policies: readonly PlannedPolicy[], title: string, folded: string | undefined): Section {
  const rows = policies.map(({ policy, node, verdict: judged, message }) => {
    const word = policyWord(judged);
    return [judged === 'refuse' ? `**${word}**` : word, node === undefined ? 'the plan' : code(node), cell(policy), cell(message)];
  });
  return tableSection(['Verdict', 'On', 'Policy', ''], rows, { title, folded });
}

function approvalSection(approvals: readonly PlannedApproval[]): Section {
  const rows = approvals.map((each) => [
    each.state === 'needed' ? `**${approvalWord(each)}**` : cell(approvalWord(each)),
    code(each.node),
    cell(each.why),
    each.fingerprint === undefined ? '' : code(each.fingerprint.slice(0, 12)),
  ]);
  return tableSection(['', 'Stage', 'Why', 'Counts for'], rows, { title: 'Approvals' });
}

function quietSection(steps: readonly Step[]): Section {
  const rows = steps.map((step) => [
    code(step.node),
    code(step.stage),
    wordOf(step),
    'digest' in step && step.digest ? code(step.digest.slice(0, 12)) : '',
  ]);
  const folded = steps.length === 1 ? '1 step that stays as it is' : `${steps.length} steps that stay as they are`;
  return tableSection(['', 'Stage', 'Plan', 'Digest'], rows, { folded });
}
