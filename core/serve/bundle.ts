import { readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { BundleManifest, Processing, type Signature } from './facts.ts';
import { ModelLoadError } from './session.ts';

/** What is served, before it is loaded. */
export interface Servable {
  readonly name: string;
  readonly modelPath: string;
  readonly processing: Processing;
  /** Of a bundle; a bare model has only what the runtime tells. */
  readonly signature: Signature | undefined;
  readonly precision: string | undefined;
}

/** Reads a serving bundle (a folder with a bundle.json), or takes a bare ONNX file as one without processing, named after the file. */
export async function findServable(path: string): Promise<Servable> {
  const found = await stat(path).catch((cause: unknown) => {
    throw new ModelLoadError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  if (found.isDirectory()) return readBundle(path);
  const name = basename(path, extname(path));
  return { name, modelPath: path, processing: Processing.parse({}), signature: undefined, precision: undefined };
}

async function readBundle(folder: string): Promise<Servable> {
  const path = join(folder, 'bundle.json');
  let manifest: BundleManifest;
  try {
    manifest = BundleManifest.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.replace(/\s+/g, ' ') : String(cause);
    throw new ModelLoadError(`${folder} is not a serving bundle: ${path}: ${why}`, { cause });
  }
  const { name, processing, signature, precision } = manifest;
  return { name, modelPath: join(folder, manifest.model), processing, signature, precision };
}
