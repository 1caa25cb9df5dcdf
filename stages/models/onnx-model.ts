import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { constants, copyFile, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { defineStage, file } from '../../core/index.ts';
import { ModelLoadError, openModel, type Signature } from '../../core/serve/index.ts';
import { OnnxModel } from '../kinds.ts';
import { type OnnxFile, parseOnnx } from '../lib/onnx-file.ts';
import { WireError } from '../lib/protobuf.ts';
import { checkExternalData, externalFiles } from './external-data.ts';
import { processingOption } from './keras-model.ts';
import { foundInstead, notAModel } from './not-a-model.ts';

const expected = 'an ONNX model';
const model = 'model.onnx';

/**
 * An ONNX model that is there already. It is loaded once in the runtime that will serve it; weights in files beside it are copied too.
 * MF3101 when it is no ONNX model, when the runtime cannot load it, or when its weights lie outside of its folder.
 */
export const onnxModel = defineStage({
  name: 'onnx-model',
  version: 1,
  inputs: {},
  options: { path: file().describe('.onnx'), processing: processingOption },
  output: OnnxModel,
  async run({ options, out, signal }) {
    const { path } = options.path;
    const found = await readOnnx(path);
    await checkExternalData(path, found);
    await copyFile(path, join(out, model), constants.COPYFILE_FICLONE);
    let { size: sizeBytes } = await stat(path);
    for (const name of externalFiles(found)) {
      signal.throwIfAborted();
      await mkdir(dirname(join(out, name)), { recursive: true });
      await copyFile(join(dirname(path), name), join(out, name), constants.COPYFILE_FICLONE);
      sizeBytes += (await stat(join(out, name))).size;
    }
    const signature = await load(join(out, model), path);
    const opset = found.opsets.get('') ?? Math.max(...found.opsets.values());
    return { model, opset, precision: precisionOf(found), signature, processing: options.processing, sizeBytes };
  },
  /** Only the .onnx file is in the fingerprint, so its weights in other files are compared here. */
  async verify(made, { options }) {
    if ((await readdir(made.path)).length === 1) return { holds: true };
    const names = externalFiles(await readOnnx(join(made.path, made.facts.model)));
    for (const name of names) {
      const now = await digestOf(join(dirname(options.path.path), name));
      if (now === undefined) return { holds: false, why: `${name}, which holds weights of the model, is gone` };
      if (now !== (await digestOf(join(made.path, name))))
        return { holds: false, why: `${name}, which holds weights of the model, changed` };
    }
    return { holds: true };
  },
});

/** What the file says of itself. MF3101 when it is not an ONNX model. */
export async function readOnnx(path: string): Promise<OnnxFile> {
  try {
    return parseOnnx(await readFile(path));
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw notAModel(path, expected, await foundInstead(path), { detail: [cause.message], cause });
  }
}

async function load(copy: string, path: string): Promise<Signature> {
  try {
    const opened = await openModel(copy);
    await opened.close();
    return opened.signature;
  } catch (cause) {
    if (!(cause instanceof ModelLoadError)) throw cause;
    throw notAModel(path, `${expected} that can be served`, cause.message.replace(copy, path), { cause });
  }
}

const quantizing = /^(Q[A-Z]|QuantizeLinear$|DequantizeLinear$|DynamicQuantize|MatMulInteger|ConvInteger|MatMulNBits)/;
const [float32, float16] = [1, 10];

/** int8 when it computes with quantized operators; otherwise by the type of its floating-point weights. */
export function precisionOf(found: OnnxFile): 'float32' | 'float16' | 'int8' | 'mixed' {
  if (found.nodes.some((node) => quantizing.test(node.operator))) return 'int8';
  const large = found.tensors.filter((tensor) => tensor.shape.length > 0).map((tensor) => tensor.dataType);
  if (!large.includes(float16)) return 'float32';
  return large.includes(float32) ? 'mixed' : 'float16';
}

async function digestOf(path: string): Promise<string | undefined> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return hash.digest('hex');
}
