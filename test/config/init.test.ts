import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { check } from '../../core/cli/commands/check.ts';
import { init } from '../../core/cli/commands/init.ts';
import { folderWith, load } from './load.ts';

const read = (folder: string, name: string): Promise<string> => readFile(join(folder, name), 'utf8');

describe('init writes a configuration for the model in the folder', () => {
  test.each([
    ['churn v2.onnx', 'onnxModel', 'churn-v2'],
    ["it's.keras", 'kerasModel', 'it-s'],
    ['old.h5', 'kerasModel', 'old'],
    ['exported/saved_model.pb', 'savedModel', 'exported'],
  ])('%s', async (model, stage, name) => {
    const folder = await folderWith({ [model]: '', 'notes.txt': '' });
    const made = await init({ folder });
    expect(made).toMatchObject({ written: ['deploy.config.ts', '.gitignore'], from: 'found', model: model.split('/')[0] });
    const text = await read(folder, 'deploy.config.ts');
    expect(text).toContain(`name: '${name}'`);
    expect(text).toMatch(new RegExp(`${stage}\\(\\{\\s+path: '`));
    expect(text).not.toContain('{{');
    expect(await check(join(folder, 'deploy.config.ts'))).toEqual([]);
    const loaded = await load(folder);
    expect(loaded).toMatchObject({ pipeline: name, wanted: ['model', 'served', 'service', 'watch'], warnings: [], diagnostics: [] });
  });

  test('with a small sample where there is none', async () => {
    const folder = await folderWith({ 'train.py': '' });
    expect(await init({ folder })).toEqual({
      written: ['deploy.config.ts', 'iris.onnx', 'iris.csv', '.gitignore'],
      model: 'iris.onnx',
      from: 'sample',
    });
    expect(await check(join(folder, 'deploy.config.ts'))).toEqual([]);
    expect((await load(folder)).diagnostics).toEqual([]);
  });

  test('and of the kind that is asked for, whatever lies there', async () => {
    const folder = await folderWith({ 'a.onnx': '', 'b.keras': '' });
    expect((await init({ folder, template: 'keras' })).model).toBe('b.keras');
    expect(await init({ folder: await folderWith({}), template: 'keras' })).toMatchObject({
      model: 'model.keras',
      from: 'to-be-filled-in',
    });
  });

  test('saying that a choice was made where there are several', async () => {
    const folder = await folderWith({ 'b.onnx': '', 'a.keras': '' });
    expect(await init({ folder })).toMatchObject({ model: 'a.keras', from: 'first-of-several' });
  });
});

describe('init overwrites nothing', () => {
  test.each(['deploy.config.ts', 'deploy.config.mjs', 'iris.csv'])('%s is there', async (name) => {
    const folder = await folderWith({ [name]: 'mine' });
    await expect(init({ folder })).rejects.toThrow(/^MF1205: .* already exists$/);
    expect(await read(folder, name)).toBe('mine');
    await expect(read(folder, '.gitignore')).rejects.toThrow('ENOENT');
  });

  test('but adds a line to .gitignore, once', async () => {
    const folder = await folderWith({ 'a.onnx': '', '.gitignore': 'dist' });
    await init({ folder });
    expect(await read(folder, '.gitignore')).toBe('dist\n.modelflow/\n');
    const ignoring = await folderWith({ 'a.onnx': '', '.gitignore': '/.modelflow\n' });
    expect((await init({ folder: ignoring })).written).toEqual(['deploy.config.ts']);
    expect(await read(ignoring, '.gitignore')).toBe('/.modelflow\n');
  });
});
