import type { Drift, ServiceDrift } from '../spec/plan.ts';
import { driftText } from './change-text.ts';
import { oneLine } from './format.ts';
import { assembled, cell, code, codeSection } from './markdown.ts';

/** For a person at a terminal: a line for each service, and one for each thing that somebody else changed. */
export function driftReport(drift: Drift): string {
  const lines = drift.services.flatMap((each) => [
    `  ${each.changes.length > 0 ? '!' : '='} ${standing(each)}`,
    ...each.changes.map((change) => `      ${driftText(change)}`),
  ]);
  return [`Drift of ${drift.pipeline}, profile ${drift.profile}`, '', ...lines, ...(lines.length > 0 ? [''] : []), summary(drift)].join(
    '\n',
  );
}

/** For an issue or a comment, with a hidden first line by which it is found again. At most `limit` bytes. */
export function driftMarkdown(drift: Drift, { limit = 65_000 }: { readonly limit?: number } = {}): string {
  const changed = drift.services.filter((each) => each.changes.length > 0);
  const line = `**${cell(summary(drift))}**`;
  const verdict = changed.length === 0 ? line : `> [!WARNING]\n> ${line}`;
  const sections = changed.map((each) =>
    codeSection(
      'diff',
      each.changes.map((change) => `! ${driftText(change)}`),
      { title: cell(standing(each)) },
    ),
  );
  const marker = `<!-- modelflow drift: ${drift.pipeline}/${drift.profile} -->`;
  const head = `${marker}\n### Drift of ${code(drift.pipeline)}, profile ${code(drift.profile)}\n\n${verdict}\n\n`;
  return assembled(head, sections, { limitBytes: limit, elsewhere: '`modelflow plan --drift`' });
}

function standing({ service, target, released, changes }: ServiceDrift): string {
  const what = `${service} on ${target}`;
  if (released === undefined) return `${what} is not released`;
  const { stamp, by, commit } = released;
  const release = `release ${stamp.slice(0, 12)}${by === undefined ? '' : ` by ${by}`}${commit === undefined ? '' : ` from ${commit.slice(0, 12)}`}`;
  return oneLine(`${what} is ${changes.length > 0 ? 'not as it was released' : 'as it was released'}: ${release}`);
}

function summary({ services }: Drift): string {
  const changed = services.filter((each) => each.changes.length > 0).length;
  if (services.length === 0) return 'Nothing is deployed by this pipeline.';
  if (changed === 0) return 'No drift: everything is as it was released.';
  return `${changed} of ${services.length} service${services.length === 1 ? '' : 's'} changed outside of modelflow; \`modelflow run\` puts back what was released.`;
}
