import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check } from '../../core/cli/commands/check.ts';
import type { Diagnostic } from '../../core/spec/diagnostic.ts';
import { folderWith, ownStage } from './load.ts';

async function checked(config: string, more: Readonly<Record<string, string>> = {}): Promise<readonly Diagnostic[]> {
  const folder = await folderWith({ 'deploy.config.ts': config, 'stages.ts': ownStage, ...more });
  return check(join(folder, 'deploy.config.ts'));
}

const places = (found: readonly Diagnostic[]) => found.map(({ at }) => at && `${basename(at.file)}:${at.line}:${at.column}`);

describe('the types of a configuration are checked in a folder that has nothing else', () => {
  test('and a right one has no mistakes: modelflow, zod, node, enums, imports with and without an ending', async () => {
    const found = await checked(`import { readFileSync } from 'node:fs';
import { definePipeline } from 'modelflow';
import { z } from 'zod';
import { text } from './stages';
import { joined } from './stages.js';
enum Size { one = 1 }
const name: string = z.string().parse(readFileSync(new URL('name', import.meta.url), 'utf8'));
export default definePipeline({
  name,
  build: () => ({ both: joined({ first: text({ size: Size.one }), second: text({}) }), at: text({ size: process.pid }) }),
});
`);
    expect(found).toEqual([]);
  });

  test('an option that is not there is underlined, with the one that was meant', async () => {
    const found = await checked("import { text } from './stages';\nexport default text({\n  sizes: 1,\n});\n");
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({
      code: 'MF1203',
      severity: 'error',
      message: expect.stringMatching(/'sizes' .*Did you mean to write 'size'\? \(TS2561\)/),
    });
    expect(places(found)).toEqual(['deploy.config.ts:3:3']);
  });

  test('an artifact of the wrong kind is a mistake, told over several lines', async () => {
    const kinds = "import { defineArtifact, defineStage, z } from 'modelflow';\nconst Other = defineArtifact('other', z.object({}));\n";
    const found = await checked(
      `${kinds}import { joined, text } from './stages';\nconst other = defineStage({ name: 'o', version: 1, inputs: {}, options: {}, output: Other, run: async () => ({}) });\njoined({ first: text({}), second: other({}) });\n`,
    );
    expect(places(found)).toEqual(['deploy.config.ts:5:27']);
    expect([found[0]?.message, ...(found[0]?.detail ?? [])].join('\n')).toMatch(/"other"' is not assignable to type '"text"/);
  });

  test('mistakes in files that are imported are found too, and those that do not parse', async () => {
    const found = await checked("import './wrong';\nimport './broken';\n", {
      'wrong.ts': 'const a: number = "x";\nexport { a };\n',
      'broken.ts': 'const b = ;\n',
    });
    expect(places(found).sort()).toEqual(['broken.ts:1:11', 'wrong.ts:1:7']);
  });

  test('a type imported as a value is a mistake, since the file would not load', async () => {
    const found = await checked("import { Diagnostic } from 'modelflow';\nexport const a: Diagnostic | undefined = undefined;\n");
    expect(found[0]?.message).toContain('TS1484');
  });

  test('a tsconfig.json beside it changes nothing', async () => {
    const found = await checked('export const a = (b) => b;\n', { 'tsconfig.json': '{ "compilerOptions": { "strict": false } }' });
    expect(found[0]?.message).toContain('TS7006');
  });
});
