import type { Plan, PlannedApproval, PlannedPolicy, Step } from '../spec/plan.ts';
import { unreachable } from '../spec/unreachable.ts';
import { causeText, changeText, driftText, laterText, liveText } from './change-text.ts';
import { columns, formatMs, oneLine, paint, type Style } from './format.ts';
import { approvalWord, fingerprintOf, liveOf, policyWord, type StepWord, summaryLine, verdictWord, wordOf } from './plan-summary.ts';
import { rolloutPlanLines } from './rollout-plan-text.ts';

const signs: Readonly<Record<StepWord, { readonly sign: string; readonly style: Style }>> = {
  reuse: { sign: '=', style: 'dim' },
  run: { sign: '+', style: 'green' },
  later: { sign: '?', style: 'cyan' },
  keep: { sign: '=', style: 'dim' },
  change: { sign: '~', style: 'yellow' },
  held: { sign: '!', style: 'red' },
};

/** A plan for a person at a terminal: a line for each step and each further reason, the gates, and a summary as the last line. */
export function planText(plan: Plan, options: { readonly color?: boolean; readonly cores?: number } = {}): string {
  const color = options.color ?? false;
  const profile = plan.profile === 'default' ? '' : `, profile ${plan.profile}`;
  const blocks = [[paint(color, 'bold', `Plan of ${plan.pipeline}${profile}`)]];
  if (plan.steps.length > 0) blocks.push(stepLines(plan.steps, color));
  if (plan.gates.length > 0) blocks.push(['Gates', ...gateLines(plan, color)]);
  const policies = policyLines(plan, color);
  if (policies.length > 0) blocks.push(['Policies', ...policies]);
  if (plan.approvals.length > 0) blocks.push(['Approvals', ...columns(plan.approvals.map((each) => approvalRow(each, color)))]);
  blocks.push([paint(color, 'bold', summaryLine(plan, options.cores))]);
  return blocks.map((lines) => lines.join('\n')).join('\n\n');
}

function stepLines(steps: readonly Step[], color: boolean): string[] {
  const rows = steps.flatMap((step) => {
    const word = wordOf(step);
    const { sign, style } = signs[word];
    const [first = '', ...more] = reasons(step);
    const isAtWork = word === 'run' || word === 'later' || word === 'change';
    const time = step.lastMs === undefined || !isAtWork ? '' : `about ${formatMs(step.lastMs)}`;
    const name = paint(color, word === 'reuse' || word === 'keep' ? 'dim' : 'bold', step.node);
    return [
      [paint(color, style, `  ${sign} ${word}`), name, paint(color, 'dim', step.stage), time, first],
      ...more.map((reason) => ['', '', '', '', reason]),
    ];
  });
  return [...columns(rows)];
}

/** What is told of a step, a line each. */
function reasons(step: Step): readonly string[] {
  const live = liveOf(step);
  const inWorld = live
    ? [
        liveText(live, step.do !== 'decide-later'),
        ...rolloutPlanLines(live, fingerprintOf(step)).map((line) => `  ${line}`),
        ...live.changes.map((change) => `  ${changeText(change)}`),
        ...live.drift.map((change) => `  ${driftText(change)}`),
      ]
    : [];
  switch (step.do) {
    case 'reuse':
      return [];
    case 'run':
      return [...step.because.map(causeText), ...inWorld];
    case 'decide-later':
      return [laterText(step, (node) => node), ...inWorld];
    case 'keep':
      return inWorld;
    default:
      return unreachable(step);
  }
}

function gateLines(plan: Plan, color: boolean): readonly string[] {
  const rows = plan.gates.map((gate) => {
    const word = verdictWord(gate.verdict);
    const style: Style = gate.verdict === 'pass' ? 'green' : gate.verdict === 'decided-later' ? 'cyan' : ['bold', 'red'];
    return [`  ${paint(color, style, word)}`, gate.node, gate.detail === '' ? gate.text : `${gate.text}: ${gate.detail}`];
  });
  return columns(rows);
}

/** What speaks for the plan takes a line for each policy, however many stages it was judged on. */
function policyLines(plan: Plan, color: boolean): readonly string[] {
  const quiet = new Map<string, PlannedPolicy[]>();
  const rows = plan.policies.flatMap((each) => {
    if (each.verdict === 'warn' || each.verdict === 'refuse') return [policyRow(each, each.node ?? 'the plan', color)];
    const key = JSON.stringify([each.policy, each.verdict]);
    const same = quiet.get(key);
    if (same) same.push(each);
    else quiet.set(key, [each]);
    return [];
  });
  const others = [...quiet.values()].flatMap((same) => {
    const [first] = same;
    return first ? [policyRow(first, same.length > 1 ? `${same.length} stages` : (first.node ?? 'the plan'), color)] : [];
  });
  return columns([...rows, ...others]);
}

function policyRow({ policy, verdict, message }: PlannedPolicy, on: string, color: boolean): readonly string[] {
  const style: Style = verdict === 'refuse' ? ['bold', 'red'] : verdict === 'warn' ? 'yellow' : verdict === 'pass' ? 'green' : 'cyan';
  return [`  ${paint(color, style, policyWord(verdict))}`, on, oneLine(message === '' ? policy : `${policy}: ${message}`)];
}

function approvalRow(approval: PlannedApproval, color: boolean): readonly string[] {
  const style: Style = approval.state === 'given' ? 'green' : approval.state === 'needed' ? 'yellow' : 'cyan';
  return [
    `  ${paint(color, style, approvalWord(approval))}`,
    approval.node,
    approval.fingerprint?.slice(0, 12) ?? '',
    oneLine(approval.why),
  ];
}
