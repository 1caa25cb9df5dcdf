import type { NodeView } from '../plan/node-view.ts';
import type { RunView } from '../plan/view.ts';
import { formatMs } from './format.ts';
import { assembled, cell, code, codeSection, type Section, tableSection } from './markdown.ts';
import { outcomeLine, skippedText } from './outcome.ts';
import { titleOf } from './plan-markdown.ts';
import { policyWord, verdictWord } from './plan-summary.ts';

/** A hidden first line by which the comment about the runs of a pipeline and profile is found again. */
export function runMarker(view: Pick<RunView, 'pipeline' | 'profile'>): string {
  return `<!-- modelflow run: ${view.pipeline}/${view.profile} -->`;
}

/**
 * What a run came to: the outcome, what failed and the last lines it said, what is live now, what refused, and what was made. `results` is
 * the table of measured facts as text.
 */
export function runBody(view: RunView, options: { readonly limit: number; readonly results: string; readonly elsewhere: string }): string {
  const line = `**${outcomeLine(view)}**`;
  const verdict =
    view.outcome === 'ok'
      ? line
      : `> [!${view.outcome === 'approval-pending' || view.outcome === 'paused' ? 'IMPORTANT' : 'CAUTION'}]\n> ${line}`;
  const nodes = [...view.nodes.values()];
  const failed = nodes.filter(({ state }) => state === 'failed');
  const quiet = nodes.filter(({ state }) => state === 'reused');
  const others = nodes.filter((node) => !failed.includes(node) && !quiet.includes(node));
  const sections = [
    ...failed.flatMap(failureSections),
    tableSection(['Verdict', 'Before', 'Gate', 'Measured'], gateRows(view, true), { title: 'Gates that refuse' }),
    tableSection(['Verdict', 'On', 'Policy', ''], policyRows(view), { title: 'Policies that speak against it' }),
    tableSection(['Service', 'On', 'Release', 'Where'], releaseRows(view), { title: 'Live now' }),
    ...(options.results === '' ? [] : [codeSection('text', options.results.split('\n'), { title: '**Results**' })]),
    nodeSection(others),
    tableSection(['Verdict', 'Before', 'Gate', 'Measured'], gateRows(view, false), { folded: 'Gates that passed' }),
    tableSection(
      ['', 'Stage', 'Digest'],
      quiet.map((node) => [code(node.node), code(node.stage), digest(node)]),
      {
        folded: `${quiet.length} reused`,
      },
    ),
  ];
  return assembled(`### Run of ${titleOf(view)}\n\n${verdict}\n\n`, sections, { limitBytes: options.limit, elsewhere: options.elsewhere });
}

function failureSections({ node, diagnostics, output }: NodeView): readonly Section[] {
  const said = diagnostics.flatMap(({ code: id, message, hint, detail = [] }) => [
    ...`${id}: ${message}`.split('\n'),
    ...detail.flatMap((line) => line.split('\n')).map((line) => `  | ${line}`),
    ...(hint === undefined ? [] : `hint: ${hint}`.split('\n').map((line) => `  ${line}`)),
  ]);
  const lines = output.map(({ line }) => line);
  return [
    codeSection('text', said, { title: `**Failed**: ${code(node)}` }),
    ...(lines.length === 0 ? [] : [codeSection('text', lines, { folded: 'The last lines it said' })]),
  ];
}

function nodeSection(nodes: readonly NodeView[]): Section {
  const rows = nodes.map((node) => [
    code(node.node),
    code(node.stage),
    node.state === 'skipped' ? cell(skippedText(node.because)) : node.state,
    node.durationMs === undefined ? '' : formatMs(node.durationMs),
    digest(node),
  ]);
  const folded = rows.length > 40 ? `${rows.length} stages` : undefined;
  return tableSection(['', 'Stage', 'State', 'Took', 'Digest'], rows, { folded });
}

function gateRows(view: RunView, isRefused: boolean): readonly (readonly string[])[] {
  return view.gates
    .filter(({ verdict }) => (verdict !== 'pass') === isRefused)
    .map((gate) => [verdictWord(gate.verdict), code(gate.node), cell(gate.text), cell(gate.detail)]);
}

function policyRows(view: RunView): readonly (readonly string[])[] {
  return view.policies
    .filter(({ verdict }) => verdict === 'refuse' || verdict === 'warn')
    .map(({ policy, node, verdict, message }) => [
      policyWord(verdict),
      node === undefined ? 'the plan' : code(node),
      cell(policy),
      cell(message),
    ]);
}

function releaseRows(view: RunView): readonly (readonly string[])[] {
  return view.releases.map(({ release, url, how }) => [
    code(release.service),
    code(release.target),
    `${code(release.stamp.slice(0, 12))}${how === 'rolled-back' ? ', put back' : ''}`,
    url === undefined ? '' : code(url),
  ]);
}

function digest(node: NodeView): string {
  return node.digest === undefined ? '' : code(node.digest.slice(0, 12));
}
