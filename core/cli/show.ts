import { readFileSync } from 'node:fs';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { Log } from '../spec/port.ts';

/** Diagnostics go to stderr: stdout is for data. */
export async function showDiagnostics(diagnostics: readonly Diagnostic[]): Promise<void> {
  if (diagnostics.length === 0) return;
  const { formatDiagnostic } = await import('../report/diagnostic-text.ts');
  const color = wantsColor(process.stderr);
  for (const diagnostic of diagnostics) console.error(formatDiagnostic(diagnostic, { color, cwd: process.cwd(), read: readSource }));
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
