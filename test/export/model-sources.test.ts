import { link, mkdir, mkdtemp, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zipSync } from 'fflate';
import type { Artifact } from 'modelflow';
import { frozenGraph, kerasModel, type OnnxModel, onnxModel, savedModel } from 'modelflow/stages';
import { describe, expect, test } from 'vitest';
import { externalModel } from '../bundle/external-model.ts';
import { runStage } from '../data/run-stage.ts';
import { type GraphSpec, onnxModel as onnxBytes } from '../serve/onnx-model.ts';
import { diagnosticOf } from './raises.ts';

const digits = new URL('../../examples/digits/digits.keras', import.meta.url).pathname;

async function fileOf(name: string, bytes: Uint8Array | string): Promise<string> {
  const path = join(await mkdtemp(join(tmpdir(), 'modelflow-source-')), name);
  await writeFile(path, bytes);
  return path;
}

const wholeArchive = { 'config.json': Buffer.from('{}'), 'metadata.json': Buffer.from('{}'), 'model.weights.h5': Buffer.from('weights') };
const zipOf = (files: Readonly<Record<string, Uint8Array>>): Uint8Array => zipSync(files, { level: 9 });

describe('kerasModel', () => {
  test('keeps the bytes of a .keras file and the processing that was declared', async () => {
    const { artifact } = await runStage(kerasModel, {}, { path: digits, processing: { input: { scale: 0.5 } } });
    expect(artifact.facts).toMatchObject({ format: 'keras', processing: { input: { scale: 0.5 }, output: { activation: 'none' } } });
    const copy = await readFile(join(artifact.path, artifact.facts.model));
    expect(copy.equals(await readFile(digits))).toBe(true);
    expect(artifact.facts.sizeBytes).toBe(copy.length);
  });

  const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n';
  const bomb = zipOf({ ...wholeArchive, 'model.weights.h5': new Uint8Array(120 * 2 ** 20) });
  test.each([
    ['an HTML page', '<!DOCTYPE html><html>404</html>', /HTML page/],
    ['a pointer of git LFS', pointer, /LFS.*git lfs pull/],
    ['an empty file', '', /an empty file/],
    ['a PNG image', Buffer.from('\x89PNG\r\n\x1a\n…', 'latin1'), /PNG image/],
    ['text', 'hello there', /text beginning with "hello there"/],
    ['a zip archive of something else', zipOf({ 'a.txt': Buffer.from('a') }), /without config\.json.*it holds a\.txt/],
    ['a PyTorch checkpoint', zipOf({ 'm/data.pkl': Buffer.from('a') }), /it holds m\/data\.pkl/],
    ['an archive that leaves its folder', zipOf({ ...wholeArchive, '../evil': Buffer.from('x') }), /damaged zip archive.*evil/],
    ['a zip bomb', bomb, /would grow from \d+ to 1258291\d\d bytes/],
    ['half of an archive', zipOf(wholeArchive).subarray(0, 60), /damaged zip archive/],
    ['weights alone in HDF5', Buffer.from('\x89HDF\r\n\x1a\n layer_names', 'latin1'), /without model_config/],
  ])('says that %s is no Keras model', async (_, bytes, message) => {
    const found = await diagnosticOf(runStage(kerasModel, {}, { path: await fileOf('model.keras', bytes) }));
    expect(found).toMatchObject({ code: 'MF3101', message: expect.stringMatching(message) });
    expect(found.message).toMatch(/^model\.keras is not a Keras model/);
  });

  test('refuses a link inside the archive', async () => {
    const bytes = zipSync({ ...wholeArchive, 'assets/a': [Buffer.from('/etc/passwd'), { os: 3, attrs: 0o120777 << 16 }] });
    const found = await diagnosticOf(runStage(kerasModel, {}, { path: await fileOf('model.keras', bytes) }));
    expect(found).toMatchObject({ code: 'MF3101', message: expect.stringContaining('assets/a in the archive is a link') });
  });
});

describe('savedModel', () => {
  async function folderOf(files: Readonly<Record<string, Uint8Array | string>>): Promise<string> {
    const folder = join(await mkdtemp(join(tmpdir(), 'modelflow-saved-')), 'churn');
    for (const [name, bytes] of Object.entries(files)) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), bytes);
    }
    await mkdir(folder, { recursive: true });
    return folder;
  }
  // saved_model_schema_version: 1, one empty meta graph.
  const proto = Buffer.from([0x08, 1, 0x12, 0]);

  test('copies the folder with all that is in it', async () => {
    const path = await folderOf({ 'saved_model.pb': proto, 'variables/variables.index': 'i', 'assets/words.txt': 'w' });
    const { artifact } = await runStage(savedModel, {}, { path });
    const copy = join(artifact.path, artifact.facts.model);
    expect((await readdir(copy, { recursive: true })).sort()).toEqual(
      ['assets', 'assets/words.txt', 'saved_model.pb', 'variables', 'variables/variables.index'].sort(),
    );
    expect(artifact.facts.sizeBytes).toBe(6);
  });

  test.each([
    [{}, 'the folder is empty', undefined],
    [{ 'a.txt': 'a' }, 'the folder holds no saved_model.pb, but a.txt', undefined],
    [{ 'm.keras': 'a' }, 'but m.keras', 'Use kerasModel for m.keras.'],
    [{ '1/saved_model.pb': proto }, 'it holds no saved_model.pb itself', 'Name the folder inside: churn/1.'],
    [
      { 'saved_model.pb': 'version https://git-lfs.github.com/spec/v1' },
      'saved_model.pb is not the graph of a TensorFlow SavedModel: it is a Git LFS',
      undefined,
    ],
    [{ 'saved_model.pb': proto, 'variables/x': 'x' }, 'variables has no variables.index', undefined],
  ])('says what is wrong with a folder of %j', async (files, message, hint) => {
    const found = await diagnosticOf(runStage(savedModel, {}, { path: await folderOf(files) }));
    expect(found).toMatchObject({ code: 'MF3101', message: expect.stringContaining(message) });
    if (hint) expect(found.hint).toBe(hint);
  });

  test('follows no link out of the folder', async () => {
    const path = await folderOf({ 'saved_model.pb': proto });
    await mkdir(join(path, 'assets'));
    await symlink('/etc/passwd', join(path, 'assets', 'words.txt'));
    const found = await diagnosticOf(runStage(savedModel, {}, { path }));
    expect(found).toMatchObject({
      code: 'MF3101',
      message: expect.stringContaining('words.txt is not part of a TensorFlow SavedModel: it is a link'),
    });
  });
});

describe('frozenGraph', () => {
  const field = (number: number, bytes: Uint8Array | string) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), Buffer.from(bytes)]);
  const node = (name: string, op: string, ...inputs: string[]) =>
    field(1, Buffer.concat([field(1, name), field(2, op), ...inputs.map((input) => field(3, input))]));
  const graph = Buffer.concat([node('x', 'Placeholder'), node('double', 'Add', 'x:0', '^x', 'x')]);

  test('takes a graph whose ends are there, with or without the number of the output', async () => {
    const path = await fileOf('m.pb', graph);
    const { artifact } = await runStage(frozenGraph, {}, { path, inputs: ['x'], outputs: ['double:0'] });
    expect(artifact.facts).toMatchObject({ inputs: ['x'], outputs: ['double:0'], sizeBytes: graph.length });
  });

  test('names the likely ends when one is misspelt', async () => {
    const path = await fileOf('m.pb', graph);
    const output = await diagnosticOf(runStage(frozenGraph, {}, { path, inputs: ['x'], outputs: ['doubel'] }));
    expect(output).toMatchObject({ code: 'MF3101', message: 'm.pb has no node doubel to be its output', hint: 'Likely outputs: double.' });
    const input = await diagnosticOf(runStage(frozenGraph, {}, { path, inputs: ['X'], outputs: ['double'] }));
    expect(input.hint).toBe('Likely inputs: x.');
  });

  test('says what another file is', async () => {
    const found = await diagnosticOf(runStage(frozenGraph, {}, { path: digits, inputs: ['x'], outputs: ['y'] }));
    expect(found).toMatchObject({ code: 'MF3101', message: 'digits.keras is not a frozen TensorFlow graph: it is a zip archive' });
  });
});

describe('onnxModel', () => {
  const double: GraphSpec = {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 3] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 3] }],
    nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
    opset: 15,
  };

  test('loads the model in the serving runtime and takes the facts from it', async () => {
    const { artifact } = await runStage(onnxModel, {}, { path: await fileOf('m.onnx', onnxBytes(double)) });
    expect(artifact.facts).toMatchObject({
      opset: 15,
      precision: 'float32',
      signature: {
        inputs: [{ name: 'x', dtype: 'float32', shape: [null, 3] }],
        outputs: [{ name: 'y', dtype: 'float32', shape: [null, 3] }],
      },
    });
  });

  test('says what a file that is no ONNX model looks like', async () => {
    const found = await diagnosticOf(runStage(onnxModel, {}, { path: digits }));
    expect(found).toMatchObject({ code: 'MF3101', message: 'digits.keras is not an ONNX model: it is a zip archive' });
    const cut = await diagnosticOf(runStage(onnxModel, {}, { path: await fileOf('m.onnx', onnxBytes(double).subarray(0, 50)) }));
    expect(cut).toMatchObject({ code: 'MF3101', detail: [expect.stringContaining('goes beyond the end')] });
  });

  test('says why the serving runtime does not take a model, naming the file of the user', async () => {
    const path = await fileOf('m.onnx', onnxBytes({ ...double, nodes: [{ op: 'NoSuchOperator', inputs: ['x'], outputs: ['y'] }] }));
    const found = await diagnosticOf(runStage(onnxModel, {}, { path }));
    expect(found).toMatchObject({ code: 'MF3101', message: expect.stringContaining('NoSuchOperator') });
    expect(found.message).toContain(path);
  });

  async function external(location: string): Promise<{ readonly path: string; readonly folder: string; readonly data: Uint8Array }> {
    const { bytes, data } = externalModel(location);
    const path = await fileOf('m.onnx', bytes);
    return { path, folder: join(path, '..'), data };
  }

  test('copies weights that lie beside the model, and notices later when they change', async () => {
    const { path, folder, data } = await external('weights/w.bin');
    await mkdir(join(folder, 'weights'));
    await writeFile(join(folder, 'weights', 'w.bin'), data);
    const { artifact } = await runStage(onnxModel, {}, { path });
    expect(await readFile(join(artifact.path, 'weights', 'w.bin'))).toEqual(Buffer.from(data));
    expect(artifact.facts.sizeBytes).toBe((await readFile(path)).length + data.length);

    const standing = () =>
      onnxModel.def.verify?.(artifact as Artifact<typeof OnnxModel>, { options: { path: { source: 'file', path } } } as never);
    expect(await standing()).toEqual({ holds: true });
    await writeFile(join(folder, 'weights', 'w.bin'), Buffer.alloc(12));
    expect(await standing()).toEqual({ holds: false, why: 'weights/w.bin, which holds weights of the model, changed' });
  });

  test.each(['../w.bin', '/etc/passwd', 'a/../../w.bin', 'C:\\w.bin', ''])('does not follow weights to %j', async (location) => {
    const { path, folder, data } = await external(location);
    await writeFile(join(folder, '..', 'w.bin'), data);
    const found = await diagnosticOf(runStage(onnxModel, {}, { path }));
    expect(found).toMatchObject({ code: 'MF3101', message: expect.stringContaining('outside of its folder') });
  });

  test('refuses weights that are a link of either sort, too short, or missing', async () => {
    const { path, folder, data } = await external('w.bin');
    const inside = join(folder, 'w.bin');
    expect((await diagnosticOf(runStage(onnxModel, {}, { path }))).message).toContain('its weights in w.bin are missing');
    const elsewhere = await fileOf('w.bin', data);
    await symlink(elsewhere, inside);
    expect((await diagnosticOf(runStage(onnxModel, {}, { path }))).message).toContain('are a link');

    const hard = await external('w.bin');
    await link(elsewhere, join(hard.folder, 'w.bin'));
    expect((await diagnosticOf(runStage(onnxModel, {}, { path: hard.path }))).message).toContain('hard link');

    const short = await external('w.bin');
    await writeFile(join(short.folder, 'w.bin'), data.subarray(0, 11));
    expect((await diagnosticOf(runStage(onnxModel, {}, { path: short.path }))).message).toContain('bytes 0 to 12 of w.bin, which has 11');
  });
});
