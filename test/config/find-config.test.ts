import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findConfig } from '../../core/cli/config-find.ts';
import { folderWith } from './load.ts';

const text = 'export default 1;\n';

describe('the configuration is found', () => {
  test('in the folder itself, the .ts before the others', async () => {
    const folder = await folderWith({ 'deploy.config.mjs': text, 'deploy.config.ts': text });
    expect(findConfig({ from: folder })).toBe(join(folder, 'deploy.config.ts'));
  });

  test('from a subfolder, the nearest one', async () => {
    const folder = await folderWith({ 'deploy.config.ts': text, 'a/deploy.config.mts': text, 'a/b/c/x.py': '' });
    expect(findConfig({ from: join(folder, 'a/b/c') })).toBe(join(folder, 'a/deploy.config.mts'));
  });

  test('at the root of the git repository, and not above it', async () => {
    const folder = await folderWith({ 'deploy.config.ts': text, 'repo/.git/HEAD': '', 'repo/src/x.py': '' });
    expect(() => findConfig({ from: join(folder, 'repo/src') })).toThrow(
      /MF1001: no deploy\.config\.ts in .*src or the folders above it, up to .*repo \(the root of the git/,
    );
    const inside = await folderWith({ 'repo/.git/HEAD': '', 'repo/deploy.config.ts': text, 'repo/src/x.py': '' });
    expect(findConfig({ from: join(inside, 'repo/src') })).toBe(join(inside, 'repo/deploy.config.ts'));
  });

  test('by the name of the file or of its folder', async () => {
    const folder = await folderWith({ 'ci/deploy.config.ts': text, 'other.ts': text });
    expect(findConfig({ from: folder, file: 'other.ts' })).toBe(join(folder, 'other.ts'));
    expect(findConfig({ from: folder, file: 'ci' })).toBe(join(folder, 'ci/deploy.config.ts'));
  });
});

test('a named configuration that is not there is MF1001, with the nearest name', async () => {
  const folder = await folderWith({ 'prod.config.ts': text });
  expect(() => findConfig({ from: folder, file: 'prd.config.ts' })).toThrow(/^MF1001: the configuration .*prd\.config\.ts does not exist$/);
  try {
    findConfig({ from: folder, file: 'prd.config.ts' });
  } catch (error) {
    expect(error).toMatchObject({ diagnostics: [{ hint: `Did you mean ${join(folder, 'prod.config.ts')}?` }] });
  }
});
