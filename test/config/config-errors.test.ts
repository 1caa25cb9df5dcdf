import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Diagnostic } from '../../core/spec/diagnostic.ts';
import { folderWith, load, ownStage } from './load.ts';

/** Lines 1 to 5 are transformed into more lines than they are, so that a place that is not mapped back is wrong. */
const head = `enum Above {
  a,
  b,
}
interface Gone { readonly a: string }
import { definePipeline } from 'modelflow';
import { joined, text } from './stages.ts';
`;

async function problems(build: string, before = ''): Promise<readonly Diagnostic[]> {
  const folder = await folderWith({
    'stages.ts': ownStage,
    'deploy.config.ts': `${head}${before}export default definePipeline({\n  name: 'x',\n  build: ${build},\n});\n`,
  });
  return (await load(folder)).diagnostics;
}

async function problemOf(files: Readonly<Record<string, string>>): Promise<Diagnostic | undefined> {
  return (await load(await folderWith(files))).diagnostics[0];
}

const place = (diagnostic: Diagnostic | undefined): string | undefined =>
  diagnostic?.at && `${basename(diagnostic.at.file)}:${diagnostic.at.line}:${diagnostic.at.column}`;

describe('an error in the configuration has its code and its place', () => {
  test('when it throws, where it does, with the callers', async () => {
    const [found] = await problems('() => ({ a: fail() })', 'function fail(): never {\n  throw new RangeError("no more");\n}\n');
    expect(found).toMatchObject({ code: 'MF1002', message: 'the configuration threw RangeError: no more' });
    expect(place(found)).toBe('deploy.config.ts:9:9');
    expect(found?.detail?.[0]).toMatch(/deploy\.config\.ts:13:\d+$/);
  });

  test('when it throws while it is loaded', async () => {
    const found = await problemOf({ 'deploy.config.ts': `${head.split('import')[0]}\nnull.oops;\n` });
    expect(found).toMatchObject({ code: 'MF1002' });
    expect(place(found)).toBe('deploy.config.ts:7:6');
  });

  test('when it throws something that is no Error', async () => {
    const [found] = await problems('() => { throw { odd: 1 }; }');
    expect(found?.message).toBe('the configuration threw something that is no Error: { odd: 1 }');
  });

  test('when it does not parse, in whichever file', async () => {
    const found = await problemOf({ 'deploy.config.ts': "import './broken';\n", 'broken.ts': 'enum A { a }\nconst x = {\n  b: ,\n};\n' });
    expect(found).toMatchObject({ code: 'MF1002', message: 'broken.ts does not parse: Expression expected' });
    expect(place(found)).toBe('broken.ts:3:6');
  });

  test('when a name is declared twice, of which V8 tells no place', async () => {
    const found = await problemOf({ 'deploy.config.ts': 'enum A { a }\nconst twice = 1;\nconst twice = 2;\n' });
    expect(found?.message).toContain("'twice' has already been declared");
    expect(place(found)).toBe('deploy.config.ts:3:7');
  });

  test('when a type is imported as a value', async () => {
    const found = await problemOf({ 'deploy.config.ts': "enum A { a }\n\nimport { Diagnostic } from 'modelflow';\n" });
    expect(found).toMatchObject({ code: 'MF1002', hint: expect.stringContaining('import { type Diagnostic }') });
    expect(place(found)).toMatch(/^deploy\.config\.ts:3:/);
  });

  test('when an export of modelflow is misspelt', async () => {
    const found = await problemOf({ 'deploy.config.ts': "import { definePipline } from 'modelflow';\n" });
    expect(found?.hint).toBe('Did you mean `definePipeline`?');
  });
});

describe('a wrong call of a stage is shown', () => {
  test('at the option, when the message names one', async () => {
    const found = await problems(
      '() => ({\n    a: text({\n      size: 1.5,\n      nested: { deep: 3 as never },\n      "odd": 1,\n    } as never),\n  })',
    );
    expect(found.map((each) => [each.code, place(each)])).toEqual([
      ['MF1101', 'deploy.config.ts:12:7'],
      ['MF1101', 'deploy.config.ts:13:17'],
      ['MF1102', 'deploy.config.ts:14:7'],
    ]);
  });

  test('at the input, and at the call when the input is missing', async () => {
    const found = await problems('() => ({\n    a: joined({ second: 3 } as never),\n  })');
    expect(found.map((each) => [each.code, place(each)])).toEqual([
      ['MF1105', 'deploy.config.ts:11:8'],
      ['MF1103', 'deploy.config.ts:11:17'],
    ]);
  });

  test('at the call, when the options come from elsewhere', async () => {
    const [found] = await problems('() => ({ a: text(wrong) })', 'const wrong = { size: "x" } as never;\n');
    expect(place(found)).toBe('deploy.config.ts:11:22');
  });

  test('in the right one of two calls on a line', async () => {
    const [found] = await problems('() => ({ a: text({ size: 1 }), b: text({ size: 0.5 }) })');
    expect(place(found)).toBe('deploy.config.ts:10:51');
  });
});

describe('what is exported and returned is checked', () => {
  test.each([
    ['nothing', 'export const a = 1;', 'deploy.config.ts has no default export'],
    ['something else', 'export default 3;', 'deploy.config.ts does not export a pipeline as its default'],
  ])('%s is exported', async (_, text, message) => {
    expect(await problemOf({ 'deploy.config.ts': text })).toMatchObject({ code: 'MF1003', message });
  });

  test('a pipeline with a name of its own', async () => {
    const text = "import { definePipeline } from 'modelflow';\nexport const mine = definePipeline({ name: 'x', build: () => ({}) });\n";
    expect((await problemOf({ 'deploy.config.ts': text }))?.hint).toBe('Write `export default mine;`.');
  });

  test.each([
    ['a promise', 'async () => ({})', '`build` returned a promise; it must return the stages at once'],
    ['one stage', '() => text({})', '`build` returned one stage instead of a table of stages'],
    ['a list', '() => [text({})]', '`build` returned a list instead of a table of stages'],
    ['nothing', '() => undefined', '`build` returned undefined instead of a table of stages'],
    ['a text for a stage', "() => ({ model: 'model.onnx' })", '`build` returned a string under the name `model`'],
    ['the stage and not its result', '() => ({ text })', '`build` returned a function under the name `text`'],
  ])('%s is returned', async (_, build, message) => {
    const [found] = await problems(build);
    expect(found).toMatchObject({ code: 'MF1002', message });
  });

  test('a name that cannot be used', async () => {
    const [found] = await problems("() => ({ 'a b': text({}) })");
    expect(found).toMatchObject({ code: 'MF1109', message: '"a b" cannot be the name of a stage' });
  });

  test('a profile that is not there', async () => {
    const folder = await folderWith({
      'deploy.config.ts':
        "import { definePipeline } from 'modelflow';\nexport default definePipeline({ name: 'x', profiles: ['dev', 'production'], build: () => ({}) });\n",
    });
    const { diagnostics } = await load(folder, { profile: 'prodution' });
    expect(diagnostics[0]).toMatchObject({ code: 'MF1106', hint: 'Did you mean `production`?' });
  });
});

describe('an import that leads nowhere is MF1004, at the import', () => {
  test.each([
    ['a file, with the nearest name', './setings', 'Did you mean `./settings.ts`?'],
    ['a file that resembles none', './zebra.ts', expect.stringMatching(/^There is no such file: .*zebra\.ts$/)],
    [
      'a package, with how to install it',
      '@acme/stages/prune',
      expect.stringMatching(/^Install it beside the configuration: `npm install @acme\/stages` in \//),
    ],
    ['a door of modelflow that is not there', 'modelflow/stagess', 'Did you mean `modelflow/stages`?'],
    ['a built-in module that is not there', 'node:filesystem', 'This Node has no such built-in module.'],
  ])('%s', async (_, specifier, hint) => {
    const found = await problemOf({ 'deploy.config.ts': `enum A { a }\nimport a from "${specifier}";\n`, 'settings.ts': '' });
    expect(found).toMatchObject({ code: 'MF1004', message: `cannot find \`${specifier}\`, imported by deploy.config.ts`, hint });
    expect(place(found)).toBe('deploy.config.ts:2:15');
  });
});
