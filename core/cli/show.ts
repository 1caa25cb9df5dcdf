import { readFileSync, realpathSync } from 'node:fs';
import { annotationLines, withoutCommands } from '../report/workflow-command.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Log } from '../spec/port.ts';

/** Diagnostics go to stderr: stdout is for data. In a GitHub job they are annotations at their lines as well. */
export async function showDiagnostics(diagnostics: readonly Diagnostic[]): Promise<void> {
  if (diagnostics.length === 0) return;
  const { formatDiagnostic } = await import('../report/diagnostic-text.ts');
  const color = wantsColor(process.stderr);
  for (const diagnostic of diagnostics)
    console.error(printable(formatDiagnostic(diagnostic, { color, cwd: process.cwd(), read: readSource })));
  annotate(diagnostics);
}

/** In a GitHub job: shows them at their lines, and says nothing in words. */
export function annotate(diagnostics: readonly Diagnostic[]): void {
  if (!isGithubJob()) return;
  for (const line of annotationLines(diagnostics, githubWorkspace())) console.error(line);
}

export function isGithubJob(): boolean {
  return process.env['GITHUB_ACTIONS'] === 'true';
}

/** The folder that GitHub's file names begin at. */
function githubWorkspace(): string {
  const given = process.env['GITHUB_WORKSPACE'] ?? process.cwd();
  try {
    return realpathSync(given);
  } catch {
    // It is compared with, and not read.
    return given;
  }
}

/** Text that others had a hand in, as it may be printed: in a GitHub job some lines would be commands to the runner. */
export function printable(text: string): string {
  return isGithubJob() ? withoutCommands(text) : text;
}

/** For the code around a place; a file that is gone has none. */
function readSource(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // The diagnostic has its place all the same.
    return undefined;
  }
}

/** NO_COLOR (no-color.org) and FORCE_COLOR are respected; otherwise colour is for terminals. */
export function wantsColor(stream: { readonly isTTY?: boolean }): boolean {
  if (process.env['NO_COLOR']) return false;
  if (process.env['FORCE_COLOR'] && process.env['FORCE_COLOR'] !== '0') return true;
  return stream.isTTY === true && process.env['TERM'] !== 'dumb';
}

/** For what is only asked: nobody wants to hear how the answer was found. */
export const silentLog: Log = { info: () => undefined, warn: () => undefined, progress: () => undefined };
