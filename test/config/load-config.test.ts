import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { makeRig } from '../support/rig.ts';
import { addFiles, folderWith, load, ownStage } from './load.ts';

const config = `import { definePipeline } from 'modelflow';
import { z } from 'zod';
import { text } from './stages';
import { size } from './settings.js';

enum Word {
  first = 'first',
  second = 'second',
}

export default Object.assign(
  definePipeline({
    name: 'sample',
    profiles: ['dev', 'production'],
    build: ({ profile }) => ({ [profile === 'dev' ? Word.first : Word.second]: text({ size }) }),
  }),
  { zod: z },
);
`;
const project = {
  'deploy.config.ts': config,
  'stages.ts': ownStage,
  'settings.ts': 'export namespace Settings { export const size: number = 3; }\nexport const size = Settings.size;\n',
  'train.py': 'print("hello")\n',
};

describe('a configuration loads', () => {
  test('in a Python repository: no package.json, no node_modules, enums, imports with no ending or another one', async () => {
    const folder = await folderWith(project);
    const loaded = await load(folder);
    expect(loaded).toMatchObject({
      file: join(folder, 'deploy.config.ts'),
      root: folder,
      pipeline: 'sample',
      wanted: ['first'],
      diagnostics: [],
    });
  });

  test('with `"type": "commonjs"` in the package.json beside it, as .ts and as .js', async () => {
    const folder = await folderWith({ ...project, 'package.json': '{ "type": "commonjs" }' });
    expect((await load(folder)).wanted).toEqual(['first']);
    const plain = await folderWith({
      'package.json': '{ "type": "commonjs" }',
      'deploy.config.js':
        "import { definePipeline } from 'modelflow';\nexport default definePipeline({ name: 'plain', build: () => ({}) });\n",
    });
    expect((await load(plain)).pipeline).toBe('plain');
  });

  test('for the profile that is asked for', async () => {
    expect((await load(await folderWith(project), { profile: 'production' })).wanted).toEqual(['second']);
  });

  test('with the zod of the running CLI, and without a word on stderr', async () => {
    const loaded = await load(await folderWith(project));
    expect(loaded.isZodShared).toBe(true);
    expect(loaded.stderr).toBe('');
  });

  test('by the built CLI, which is its own `modelflow` and its own zod, in every language of it', async () => {
    const rig = makeRig({
      'stages.ts': ownStage,
      'deploy.config.ts': `import { definePipeline, z } from 'modelflow';
        import zod, { locales, z as same } from 'zod';
        import { z as versioned } from 'zod/v4';
        import * as mini from 'zod/mini';
        import { joined, text } from './stages';
        const said = locales.de().localeError({ code: 'invalid_type', expected: 'string', input: 1, path: [] });
        const shared = [z === same, z === zod, z === versioned, z.object({ a: mini.string() }).parse({ a: 'b' }).a];
        export default definePipeline({ name: [...shared, String(said).slice(0, 9)].join('-').replace(/[^a-z-]/gi, ''), build: () => ({ text: text({}) }) });`,
    });
    const { stdout, stderr } = await rig.run('plan', '--json');
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ pipeline: 'true-true-true-b-Ungltige', steps: [{ node: 'text' }] });
  });

  test('through a folder whose name has spaces, brackets and a percent sign', async () => {
    const folder = await folderWith({});
    const odd = Object.fromEntries(Object.entries(project).map(([name, text]) => [`my (100%) model/${name}`, text]));
    await addFiles(folder, { ...odd, 'my (100%) model/deploy.config.ts': config.replace('text({ size })', 'text({ sise: 1 } as never)') });
    const { diagnostics } = await load(join(folder, 'my (100%) model'));
    expect(diagnostics[0]?.at).toMatchObject({ file: join(folder, 'my (100%) model', 'deploy.config.ts'), line: 15 });
  });

  test('when its own dependencies bring another zod', async () => {
    const folder = await folderWith({
      ...project,
      'node_modules/zod/package.json': '{ "name": "zod", "version": "3.0.0", "main": "index.js" }',
      'node_modules/zod/index.js': 'module.exports = { z: "another" };',
    });
    expect((await load(folder)).isZodShared).toBe(true);
  });
});

describe('what has been transformed is kept', () => {
  test('and used the next time, until the file changes', async () => {
    const folder = await folderWith(project);
    const cache = await folderWith({});
    const env = { MODELFLOW_CACHE: cache };
    await load(folder, { env });
    const kept = await readdir(join(cache, 'configs'));
    expect(kept).toHaveLength(3);
    await writeFile(join(folder, 'deploy.config.ts'), config.replace("'sample'", "'changed'"));
    expect((await load(folder, { env })).pipeline).toBe('changed');
    expect(await readdir(join(cache, 'configs'))).toHaveLength(3);
  });

  test('and made again when a crash has cut it short', async () => {
    const folder = await folderWith(project);
    const cache = await folderWith({});
    const env = { MODELFLOW_CACHE: cache };
    await load(folder, { env });
    for (const name of await readdir(join(cache, 'configs'))) {
      const file = join(cache, 'configs', name);
      const whole = await readFile(file, 'utf8');
      await writeFile(file, whole.slice(0, whole.length / 2));
    }
    expect((await load(folder, { env })).wanted).toEqual(['first']);
  });

  test('but a cache that cannot be written stops nobody', async () => {
    const blocked = await folderWith({ file: '' });
    const loaded = await load(await folderWith(project), { env: { MODELFLOW_CACHE: join(blocked, 'file') } });
    expect(loaded.wanted).toEqual(['first']);
  });
});

describe('the digest of the code', () => {
  const withHelper = {
    ...project,
    'stages.ts': `${ownStage}\nexport const later = () => import('./later.ts');\n`,
    'later.ts': 'export const a = 1;\n',
  };
  const digestAfter = async (change: Readonly<Record<string, string>>): Promise<readonly [string | undefined, string | undefined]> => {
    const folder = await folderWith(withHelper);
    const before = (await load(folder)).codeDigest;
    await addFiles(folder, change);
    return [before, (await load(folder)).codeDigest];
  };

  test('is the same in another folder', async () => {
    const [one, two] = await Promise.all(
      [folderWith(withHelper), folderWith(withHelper)].map(async (folder) => (await load(await folder)).codeDigest),
    );
    expect(one).toMatch(/^[0-9a-f]{64}$/);
    expect(two).toBe(one);
  });

  test('changes with a file that an imported file imports only when it runs', async () => {
    const [before, after] = await digestAfter({ 'later.ts': 'export const a = 2;\n' });
    expect(after).not.toBe(before);
  });

  test('changes with a file that is imported', async () => {
    const [before, after] = await digestAfter({ 'settings.ts': 'export const size = 4;\n' });
    expect(after).not.toBe(before);
  });

  test('does not change with a file that nothing imports', async () => {
    const [before, after] = await digestAfter({ 'train.py': 'print("bye")\n', 'other.ts': 'export {};\n' });
    expect(after).toBe(before);
  });
});

test('a stage that nothing returned depends on is warned about, at its call, and of a dead branch only the end', async () => {
  const folder = await folderWith({
    'stages.ts': ownStage,
    'deploy.config.ts': `import { definePipeline } from 'modelflow';
import { joined, text } from './stages.ts';
export default definePipeline({
  name: 'x',
  build: () => {
    const used = text({});
    const first = text({});
    joined({ first, second: used });
    return { kept: joined({ first: used, second: text({}) }) };
  },
});
`,
  });
  const { warnings = [] } = await load(folder);
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toMatchObject({ code: 'MF1104', severity: 'warning', at: { line: 8, column: 5 } });
});
