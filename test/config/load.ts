import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, realpath, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import type { Diagnostic } from '../../core/spec/diagnostic.ts';

const run = promisify(execFile);
export const repository = fileURLToPath(new URL('../../', import.meta.url));

/** A folder of its own under the system's temporary folder, with these files in it. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'modelflow-config-')));
  await addFiles(folder, files);
  return folder;
}

export async function addFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

export interface Loaded {
  readonly file?: string;
  readonly root?: string;
  readonly pipeline?: string;
  readonly wanted?: readonly string[];
  readonly warnings?: readonly Diagnostic[];
  readonly codeDigest?: string;
  readonly isZodShared?: boolean;
  /** Of what was thrown; empty when nothing was. */
  readonly diagnostics: readonly Diagnostic[];
  readonly stderr: string;
}

const script = `
const [loader, from, profile, file] = process.argv.slice(1);
const { loadConfig } = await import(loader);
const { z } = await import(new URL('../index.ts', loader));
const said = { diagnostics: [] };
try {
  const config = await loadConfig({ from, ...(file ? { file } : {}) });
  const { file: found, root, pipeline } = config;
  Object.assign(said, { file: found, root, pipeline: pipeline.pipeline, isZodShared: pipeline.zod === undefined ? undefined : pipeline.zod === z });
  const { wanted, warnings } = await config.evaluate(profile || pipeline.profiles[0]);
  Object.assign(said, { wanted: Object.keys(wanted), warnings, codeDigest: await config.codeDigest([found]) });
} catch (error) {
  if (error.name !== 'ModelflowError') throw error;
  said.diagnostics = error.diagnostics;
}
console.log(JSON.stringify(said));
`;

/** Loads and evaluates a configuration in a process of its own, for the hooks stay for good. */
export async function load(
  from: string,
  more: { readonly file?: string; readonly profile?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Loaded> {
  const loader = pathToFileURL(join(repository, 'core/cli/load-config.ts')).href;
  const args = ['--input-type=module', '-e', script, loader, from, more.profile ?? '', more.file ?? ''];
  const { stdout, stderr } = await run(process.execPath, args, { cwd: from, env: { ...process.env, ...more.env } });
  return { ...JSON.parse(stdout), stderr };
}

/** A stage of the user's own, so that no built-in stage has to be there. */
export const ownStage = `
import { defineArtifact, defineStage, z } from 'modelflow';
export const Text = defineArtifact('text', z.object({ length: z.int() }));
export const text = defineStage({
  name: 'text', version: 1, inputs: {}, options: { size: z.int().default(1), nested: z.object({ deep: z.string() }).optional() }, output: Text,
  run: async () => ({ length: 1 }),
});
export const joined = defineStage({
  name: 'joined', version: 1, inputs: { first: Text, second: Text }, options: {}, output: Text,
  run: async () => ({ length: 1 }),
});
`;
