import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Artifact, FactsOf, Log } from 'modelflow';
import { BundleManifest, type Processing, runtimeVersion } from 'modelflow/serve';
import { extract } from 'tar-stream';
import { onTestFinished } from 'vitest';
import { containerize } from '../../stages/containerize/index.ts';
import type { EvalReport, ServingBundle } from '../../stages/kinds.ts';
import { linear } from '../serve/example-models.ts';
import { onnxModel } from '../serve/onnx-model.ts';

export type Facts = ReturnType<typeof containerize.def.output.facts.parse>;
type Context = Parameters<typeof containerize.def.run>[0];

export interface Rig {
  readonly folder: string;
  readonly warnings: readonly string[];
  bundle(given?: {
    readonly bytes?: Uint8Array;
    readonly processing?: Processing;
    readonly name?: string;
  }): Promise<Artifact<typeof ServingBundle>>;
  build(
    model: Artifact<typeof ServingBundle>,
    options?: Partial<Context['options']>,
    evaluation?: Partial<FactsOf<typeof EvalReport>>,
  ): Promise<{ readonly out: string; readonly facts: Facts }>;
}

/** A folder of the test's own, bundles in it, and the stage run on them. */
export async function imageRig(): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'mf-image-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const warnings: string[] = [];
  const log: Log = { info: () => {}, warn: (line) => warnings.push(line), progress: () => {} };
  const refuse = () => Promise.reject(new Error('an image needs no other program'));
  return {
    folder,
    warnings,
    async bundle({ bytes = onnxModel(linear()), processing, name = 'digits' } = {}) {
      const path = await mkdtemp(join(folder, 'bundle-'));
      const tensor = (of: string, columns: number) => ({ name: of, dtype: 'float32', shape: [null, columns] });
      const manifest = BundleManifest.parse({
        format: 1,
        name,
        model: 'model.onnx',
        signature: { inputs: [tensor('x', 3)], outputs: [tensor('y', 2)] },
        processing: processing ?? {},
        opset: 17,
        precision: 'float32',
        runtime: { name: 'onnxruntime-node', version: runtimeVersion() },
      });
      await writeFile(join(path, 'bundle.json'), JSON.stringify(manifest));
      await writeFile(join(path, 'model.onnx'), bytes);
      await mkdir(join(path, 'oci'));
      await writeFile(join(path, 'oci', 'index.json'), '{}');
      const facts = {
        name,
        model: 'model.onnx',
        precision: 'float32',
        runtimeVersion: runtimeVersion(),
        sizeBytes: 1,
        ociDigest: 'sha256:0',
      };
      return { kind: 'serving-bundle', digest: '0'.repeat(64), path, sizeBytes: 1, facts };
    },
    async build(model, options = {}, evaluation) {
      const out = await mkdtemp(join(folder, 'out-'));
      const context: Context = {
        inputs: { model, ...(evaluation ? { evaluation: { facts: evaluation } as Artifact<typeof EvalReport> } : {}) },
        options: {
          name: 'image-test/digits',
          tag: undefined,
          base: 'host',
          platform: undefined,
          builder: undefined,
          dockerfile: undefined,
          port: 8080,
          labels: {},
          push: false,
          ...options,
        },
        out,
        signal: new AbortController().signal,
        log,
        process: { run: refuse },
        python: { call: refuse },
      };
      return { out, facts: containerize.def.output.facts.parse(await containerize.def.run(context)) };
    },
  };
}

export async function jsonOf(path: string) {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Bytes of a blob, after its digest was compared. */
export async function blobOf(oci: string, digest: string): Promise<Buffer> {
  const bytes = await readFile(join(oci, 'blobs', ...digest.split(':')));
  if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== digest) throw new Error(`the blob ${digest} holds other bytes`);
  return bytes;
}

export interface Packed {
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeMs: number;
  readonly to: string | undefined;
  readonly sha256: string;
}

/** What is in a layer, path by path. */
export async function filesIn(blob: Buffer): Promise<ReadonlyMap<string, Packed>> {
  const files = new Map<string, Packed>();
  const tar = extract();
  tar.end(blob.readUInt16BE(0) === 0x1f8b ? gunzipSync(blob) : blob);
  for await (const entry of tar) {
    const hash = createHash('sha256');
    for await (const piece of entry) hash.update(piece as Uint8Array);
    const { name, type, mode = 0, uid = 0, gid = 0, mtime, linkname } = entry.header;
    files.set(name.replace(/\/$/, ''), {
      type: type ?? '',
      // Some write the kind of file into it as well.
      mode: mode & 0o7777,
      uid,
      gid,
      mtimeMs: Number(mtime),
      to: linkname ?? undefined,
      sha256: hash.digest('hex'),
    });
  }
  return files;
}
