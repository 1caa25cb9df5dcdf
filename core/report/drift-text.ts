import type { Drift, ServiceDrift } from '../spec/plan.ts';
import { driftText } from './change-text.ts';
import { oneLine } from './format.ts';

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

/** For an issue or a comment, with a hidden first line by which it is found again. */
export function driftMarkdown(drift: Drift): string {
  const changed = drift.services.filter((each) => each.changes.length > 0);
  const blocks = changed.flatMap((each) => [
    '```diff',
    `# ${standing(each)}`,
    ...each.changes.map((change) => `! ${driftText(change)}`),
    '```',
    '',
  ]);
  const marker = `<!-- modelflow drift: ${drift.pipeline}/${drift.profile} -->`;
  return [marker, `### Drift of \`${drift.pipeline}\`, profile \`${drift.profile}\``, '', `**${summary(drift)}**`, '', ...blocks].join(
    '\n',
  );
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
