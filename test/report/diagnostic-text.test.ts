import { describe, expect, test } from 'vitest';
import { formatDiagnostic } from '../../core/report/diagnostic-text.ts';
import type { Diagnostic } from '../../core/spec/diagnostic.ts';

const diagnostic: Diagnostic = {
  code: 'MF1102',
  severity: 'error',
  message: 'keras-model: unknown option `pth`',
  hint: 'Did you mean `path`?\nOr something else.',
  at: { file: '/project/deploy.config.ts', line: 10, column: 4 },
  detail: ['first\nsecond', ''],
};
const file = `${'// a line\n'.repeat(8)}keras({\n\t\t\tpth: 'model.keras',\n});\n`;
const options = { color: false, cwd: '/project', read: () => file };

describe('a diagnostic in text', () => {
  test('has code, message, place, the code around it, details and the hint, each on lines of their own', () => {
    expect(formatDiagnostic(diagnostic, options)).toMatchInlineSnapshot(`
      "error MF1102: keras-model: unknown option \`pth\`
        at deploy.config.ts:10:4
         9 | keras({
      > 10 |       pth: 'model.keras',
           |       ^
        11 | });
        | first
        | second
        |
        hint: Did you mean \`path\`?
              Or something else."
    `);
  });

  test('is the same words with colour', () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is taken away.
    expect(formatDiagnostic(diagnostic, { ...options, color: true }).replace(/\u001b\[\d+m/g, '')).toBe(
      formatDiagnostic(diagnostic, options),
    );
  });

  test('without a place or a hint is one line', () => {
    expect(formatDiagnostic({ code: 'MF8001', severity: 'warning', message: 'stopped' }, options)).toBe('warning MF8001: stopped');
  });

  test('shows no code when the file is gone or is shorter than the place says', () => {
    expect(formatDiagnostic(diagnostic, { ...options, read: () => undefined })).not.toContain('>');
    expect(formatDiagnostic(diagnostic, { ...options, read: () => 'short' })).not.toContain('>');
  });

  test('shows the first and the last line of a file without what is not there', () => {
    const at = (line: number) =>
      formatDiagnostic(
        { code: 'MF1002', severity: 'error', message: 'x', at: { file: '/f', line, column: 1 } },
        { ...options, read: () => 'one\ntwo' },
      );
    expect(at(1)).toBe('error MF1002: x\n  at /f:1:1\n> 1 | one\n    | ^\n  2 | two');
    expect(at(2)).toBe('error MF1002: x\n  at /f:2:1\n  1 | one\n> 2 | two\n    | ^');
  });

  test('does not take a folder for another whose name begins like it', () => {
    const text = formatDiagnostic(
      { code: 'MF1002', severity: 'error', message: 'x', at: { file: '/project-two/a.ts', line: 1, column: 1 } },
      { color: false, cwd: '/project' },
    );
    expect(text).toContain('at /project-two/a.ts:1:1');
  });
});
