import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { type Artifact, defineStage, failure, isUsableName, type Log, z } from '../../core/index.ts';
import { BundleManifest, ModelLoadError, openModel, runtimeVersion } from '../../core/serve/index.ts';
import { OnnxModel, ServingBundle } from '../kinds.ts';
import { type BundleFile, writeOciLayout } from './oci.ts';

const manifestName = 'bundle.json';

/**
 * Makes a model ready to serve: the model, its signature and processing in `bundle.json`, and the same once more as an OCI layout in `oci/`.
 * It is loaded by the serving runtime first; one that cannot be is MF3101.
 */
export const bundle = defineStage({
  name: 'bundle',
  version: 1,
  inputs: { model: OnnxModel },
  options: {
    name: z
      .string()
      .refine(isUsableName, 'Use letters, digits, dot, dash and underscore, beginning with a letter or digit')
      .optional()
      .describe('what the model is called; the name of its file unless given'),
  },
  output: ServingBundle,
  // The manifest names it, so another runtime is another bundle.
  tools: async () => ({ 'onnxruntime-node': runtimeVersion() }),
  async run({ inputs: { model }, options, out, log }) {
    const { facts } = model;
    const name = options.name ?? nameFrom(facts.model);
    await checkModel(model, log);
    const paths = await copyFiles(model.path, out);
    const manifest: BundleManifest = {
      format: 1,
      name,
      model: facts.model,
      signature: facts.signature,
      processing: facts.processing,
      opset: facts.opset,
      precision: facts.precision,
      runtime: { name: 'onnxruntime-node', version: runtimeVersion() },
    };
    await writeFile(join(out, manifestName), `${JSON.stringify(BundleManifest.parse(manifest), null, 2)}\n`);
    const files: readonly BundleFile[] = [
      ...paths.map((path) => ({ path, role: 'weight' as const })),
      { path: manifestName, role: 'weight.config' },
    ];
    const ociDigest = await writeOciLayout(out, files, { name, precision: facts.precision });
    const sizes = await Promise.all(files.map(async ({ path }) => (await stat(join(out, path))).size));
    return {
      name,
      model: facts.model,
      precision: facts.precision,
      runtimeVersion: runtimeVersion(),
      sizeBytes: sizes.reduce((sum, size) => sum + size, 0),
      ociDigest,
    };
  },
});

/** The file's name without its ending, made usable as a name. */
function nameFrom(file: string): string {
  const name = file
    .replace(/\.onnx$/i, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 63);
  return isUsableName(name) ? name : 'model';
}

/** Opening a model runs it once on zeros. */
async function checkModel(model: Artifact<typeof OnnxModel>, log: Log): Promise<void> {
  try {
    const opened = await openModel(join(model.path, model.facts.model));
    if (opened.quickestMs === undefined) log.warn('the model takes no input of zeros: it was loaded, but not run');
    await opened.close();
  } catch (cause) {
    if (!(cause instanceof ModelLoadError)) throw cause;
    throw failure('MF3101', `the serving runtime cannot load \`${model.facts.model}\`: ${cause.message}`, {
      hint: `onnxruntime-node ${runtimeVersion()} serves the model; export it for an opset and operators that this version has.`,
      cause,
    });
  }
}

/** Everything the model consists of, its external data too; paths in a fixed order. */
async function copyFiles(from: string, to: string): Promise<readonly string[]> {
  const entries = await readdir(from, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(from, join(entry.parentPath, entry.name)).split(sep).join('/'))
    .sort();
  for (const path of paths) {
    await mkdir(dirname(join(to, path)), { recursive: true });
    await copyFile(join(from, path), join(to, path), constants.COPYFILE_FICLONE);
  }
  return paths;
}
