import { codes } from '../spec/codes.ts';
import type { Diagnostic } from '../spec/diagnostic.ts';

/** GitHub shows at most this many annotations of a level for one step; what comes after is dropped without a word. */
const shownOfALevel = 10;

/**
 * Diagnostics as the workflow commands that GitHub draws at the line of a file. Files outside of `workspace` are named in words only:
 * GitHub knows no others. Of many, the last one shown says how many more there are.
 */
export function annotationLines(diagnostics: readonly Diagnostic[], workspace: string): readonly string[] {
  return (['error', 'warning'] as const).flatMap((level) => {
    const all = diagnostics.filter((diagnostic) => diagnostic.severity === level);
    const shown = all.length > shownOfALevel ? all.slice(0, shownOfALevel - 1) : all;
    const lines = shown.map((diagnostic) => annotationLine(diagnostic, workspace));
    const left = all.length - shown.length;
    return left === 0 ? lines : [...lines, commandLine(level, {}, `${left} more ${level}s are in the log of this step.`)];
  });
}

/** `::level key=value::message`, one line whatever the values hold. */
export function commandLine(
  level: 'error' | 'warning' | 'notice',
  properties: Readonly<Record<string, string | number>>,
  message: string,
): string {
  const given = Object.entries(properties).map(([name, value]) => `${name}=${escapedProperty(String(value))}`);
  return `::${level}${given.length > 0 ? ` ${given.join(',')}` : ''}::${escapedMessage(message)}`;
}

/**
 * The same text for a reader, without anything that GitHub's runner takes for a command: what a model, a tool or a stage says must not
 * set, mask or stop anything. The runner looks for `::` at the beginning of a line, blanks aside, and for `##[` anywhere.
 */
export function withoutCommands(text: string): string {
  return text.replace(/(^|[\r\n])([\s\u0085]*):(?=:)/g, '$1$2:\u200b').replaceAll('##[', '#\u200b#[');
}

function annotationLine(diagnostic: Diagnostic, workspace: string): string {
  const { code, severity, message, hint, at, node } = diagnostic;
  const folder = workspace.endsWith('/') ? workspace : `${workspace}/`;
  const isInside = at?.file.startsWith(folder) ?? false;
  const place = at && isInside ? { file: at.file.slice(folder.length), line: at.line, col: at.column } : {};
  const title = `${code}: ${codes[code].title}${node === undefined ? '' : ` (${node})`}`;
  const where = at && !isInside ? `at ${at.file}:${at.line}:${at.column}` : undefined;
  const lines = [message, where, hint === undefined ? undefined : `hint: ${hint}`];
  return commandLine(severity, { ...place, title }, lines.filter((line) => line !== undefined).join('\n'));
}

function escapedMessage(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function escapedProperty(text: string): string {
  return escapedMessage(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
