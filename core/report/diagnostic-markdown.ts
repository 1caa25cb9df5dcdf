import type { Diagnostic } from '../spec/diagnostic.ts';
import { assembled, cell, code, codeSection, type Section } from './markdown.ts';

export interface DiagnosticMarkdownOptions {
  readonly limit: number;
  readonly elsewhere: string;
  /** Where files with a relative path are shown; they are links then. */
  readonly filesUrl: string | undefined;
}

/** That `modelflow <command>` could not do its work, and why, in Markdown. */
export function problemBody(command: string, diagnostics: readonly Diagnostic[], options: DiagnosticMarkdownOptions): string {
  const sections = diagnostics.map((each): Section => {
    const place = each.at ? `, at ${placeLink(each.at, options)}` : '';
    const first = `${each.severity === 'error' ? '**error**' : 'warning'} ${code(each.code)}${place}: ${cell(each.message)}`;
    const hint = each.hint === undefined ? '' : `<br>hint: ${cell(each.hint)}`;
    const detail = (each.detail ?? []).flatMap((line) => line.split('\n'));
    if (detail.length > 0) return codeSection('text', detail, { title: `${first}${hint}` });
    return { open: '', rows: [`${first}${hint}`], close: '', row: 'problem' };
  });
  const verdict = command === 'plan' ? 'There is no plan: it could not be made.' : `modelflow ${cell(command)} could not begin.`;
  return assembled(`### modelflow ${cell(command)}\n\n> [!CAUTION]\n> **${verdict}**\n\n`, sections, {
    limitBytes: options.limit,
    elsewhere: options.elsewhere,
  });
}

function placeLink(at: NonNullable<Diagnostic['at']>, { filesUrl }: DiagnosticMarkdownOptions): string {
  const text = `${at.file}:${at.line}:${at.column}`;
  if (filesUrl === undefined || at.file.startsWith('/')) return code(text);
  const link = `${filesUrl}/${at.file.split('/').map(encodeURIComponent).join('/')}#L${at.line}`;
  return `[${code(text)}](${link.replace(/[()]/g, (sign) => (sign === '(' ? '%28' : '%29'))})`;
}
