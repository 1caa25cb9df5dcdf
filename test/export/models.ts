import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensorflowEnvironment } from '../../stages/export/original.ts';
import { realPython } from '../evaluate/python.ts';

/** Make models with the real TensorFlow, by the names in make_models.py; gives the path of each. */
export async function makeModels(...names: readonly string[]): Promise<(name: string) => string> {
  const folder = await mkdtemp(join(tmpdir(), 'modelflow-models-'));
  const script = new URL('./make_models.py', import.meta.url);
  await realPython().call({ environment: tensorflowEnvironment, script, request: { make: names, folder } });
  return (name) => join(folder, name);
}
