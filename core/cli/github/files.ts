import { randomUUID } from 'node:crypto';
import { appendFileSync, statSync } from 'node:fs';
import type { GithubJob } from './surroundings.ts';

/** Outputs of the step; those that are undefined are left out. */
export function writeOutputs({ outputFile }: GithubJob, outputs: Readonly<Record<string, string | undefined>>): void {
  if (outputFile === undefined) return;
  const lines = Object.entries(outputs).map(([name, value]) => {
    // Nobody can know the end in advance, so no value can add an output of its own.
    const end = randomUUID();
    return value === undefined ? '' : `${name}<<${end}\n${value}\n${end}\n`;
  });
  appendFileSync(outputFile, lines.join(''));
}

/** Adds to the summary of the step. `write` is told how many bytes there is room for. */
export function addToSummary({ summaryFile }: GithubJob, limitBytes: number, write: (roomBytes: number) => string): void {
  if (summaryFile === undefined) return;
  const usedBytes = statSync(summaryFile, { throwIfNoEntry: false })?.size ?? 0;
  const text = write(limitBytes - usedBytes);
  if (usedBytes + Buffer.byteLength(text) <= limitBytes) appendFileSync(summaryFile, `${text}\n`);
}
