import type { Diagnostic, Place } from '../spec/diagnostic.ts';
import { paint } from './format.ts';

export interface DiagnosticTextOptions {
  readonly color: boolean;
  /** Places inside this folder are shown relative to it. */
  readonly cwd: string;
  /** The text of a file, for the code around the place; undefined when it cannot be read. Without it no code is shown. */
  readonly read?: (file: string) => string | undefined;
}

/**
 * A diagnostic for a person, without a line break at the end:
 *
 *     error MF1102: keras: unknown option `sizes`
 *       at deploy.config.ts:33:9
 *       32 |         path: 'a',
 *     > 33 |         sizes: 3,
 *          |         ^
 *       34 |       }),
 *       hint: Did you mean `size`?
 */
export function formatDiagnostic(diagnostic: Diagnostic, options: DiagnosticTextOptions): string {
  const { color } = options;
  const word = paint(color, ['bold', diagnostic.severity === 'error' ? 'red' : 'yellow'], `${diagnostic.severity} ${diagnostic.code}`);
  const [first = '', ...more] = diagnostic.message.split('\n');
  const lines = [`${word}: ${paint(color, 'bold', first)}`, ...more.map((line) => `  ${line}`)];
  if (diagnostic.at) {
    const node = diagnostic.node === undefined ? '' : `, \`${diagnostic.node}\``;
    lines.push(`  at ${paint(color, 'cyan', placeText(diagnostic.at, options.cwd))}${node}`);
    lines.push(...codeFrame(diagnostic.at, options));
  }
  if (!diagnostic.at && diagnostic.node !== undefined) lines.push(`  in \`${diagnostic.node}\``);
  for (const line of diagnostic.detail ?? [])
    lines.push(...line.split('\n').map((part) => `  ${paint(color, 'dim', '|')} ${part}`.trimEnd()));
  if (diagnostic.hint)
    lines.push(...diagnostic.hint.split('\n').map((line, index) => `  ${index === 0 ? paint(color, 'green', 'hint:') : '     '} ${line}`));
  return lines.join('\n');
}

/** `file:line:column`, which terminals and editors make a link of. */
export function placeText(at: Place, cwd: string): string {
  const folder = cwd.endsWith('/') ? cwd : `${cwd}/`;
  const file = at.file.startsWith(folder) ? at.file.slice(folder.length) : at.file;
  return `${file}:${at.line}:${at.column}`;
}

/** The line of the place with one before and one after it, and a caret. Empty when the file is gone or has no such line. */
function codeFrame(at: Place, options: DiagnosticTextOptions): readonly string[] {
  const all = options.read?.(at.file)?.split(/\r?\n/);
  if (all === undefined || all[at.line - 1] === undefined) return [];
  const from = Math.max(1, at.line - 1);
  const to = Math.min(all.length, at.line + 1);
  const width = String(to).length;
  const lines: string[] = [];
  for (let number = from; number <= to; number++) {
    const text = shown(all[number - 1] ?? '');
    const isHere = number === at.line;
    const margin = paint(options.color, isHere ? 'bold' : 'dim', `${isHere ? '>' : ' '} ${String(number).padStart(width)} |`);
    lines.push(`${margin} ${text}`.trimEnd());
    if (isHere) lines.push(caretLine(all[number - 1] ?? '', at.column, width, options.color));
  }
  return lines;
}

const frameWidth = 160;

/** Tabs become two spaces, so that the caret stands under its character everywhere. */
function shown(line: string): string {
  const text = line.replaceAll('\t', '  ');
  return text.length > frameWidth ? `${text.slice(0, frameWidth - 1)}…` : text;
}

function caretLine(line: string, column: number, width: number, color: boolean): string {
  const before = line.slice(0, column - 1).replaceAll('\t', '  ').length;
  const margin = paint(color, 'dim', `  ${' '.repeat(width)} |`);
  return `${margin} ${' '.repeat(Math.min(before, frameWidth))}${paint(color, ['bold', 'red'], '^')}`;
}
