import { createRequire } from 'node:module';
import type { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import { Dtype, type Signature, type TensorSpec } from './facts.ts';
import { isStrings, type Tensor, type TensorData, type Tensors } from './tensor.ts';

/** The runtime could not make a model out of the file. The message says which file and why. */
export class ModelLoadError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ModelLoadError';
  }
}

/** One loaded model on the thread that loaded it: `run` stops that thread for as long as the inference takes. */
export interface Session {
  readonly signature: Signature;
  /** Outputs that are no tensors (sequences, maps): they cannot be served and are left out of the signature. */
  readonly omittedOutputs: readonly string[];
  /** Rejects with what the runtime says when the inputs do not fit. */
  run(inputs: Tensors): Promise<Tensors>;
  close(): Promise<void>;
}

/**
 * Loads an ONNX model into onnxruntime. Everything that runs a model goes through here, so that nothing else loads the runtime.
 * Throws a `ModelLoadError` when the file is not a model, or needs what the runtime has not.
 */
export async function createSession(path: string, threads: number): Promise<Session> {
  silenceTelemetry();
  const runtime = await import('onnxruntime-node');
  let session: InferenceSession;
  try {
    session = await runtime.InferenceSession.create(path, {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      // What goes wrong is thrown; a line on stderr for each bad request would let clients fill the disk.
      logSeverityLevel: 4,
      // A spinning thread pool takes the cores from everything else on the machine between two runs.
      extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
    });
  } catch (cause) {
    throw new ModelLoadError(`${path} is not a model that onnxruntime ${runtimeVersion()} can load: ${reason(cause)}`, { cause });
  }
  const signature = signatureOf(path, session);
  const fetches = signature.outputs.map((output) => output.name);
  return {
    signature,
    omittedOutputs: session.outputMetadata.filter((output) => !output.isTensor).map((output) => output.name),
    run: async (inputs) => {
      const feeds: Record<string, RuntimeTensor> = {};
      for (const [name, tensor] of Object.entries(inputs)) feeds[name] = toRuntime(runtime.Tensor, tensor);
      const results = await session.run(feeds, fetches);
      const outputs: Record<string, Tensor> = {};
      for (const name of fetches) {
        const result = results[name];
        if (result === undefined) throw new Error(`the model gave no output ${JSON.stringify(name)}`);
        outputs[name] = fromRuntime(result);
      }
      return outputs;
    },
    close: () => session.release(),
  };
}

/**
 * onnxruntime 1.29 and later write a device id under the user's cache folder and send usage to their maker unless this is set before the
 * native library loads. A worker thread's environment is a copy that native code cannot see, so the main thread sets it before it starts one.
 */
export function silenceTelemetry(): void {
  process.env['ORT_DISABLE_TELEMETRY'] = '1';
}

/** The version of onnxruntime-node, read from its package.json without loading the native library. */
export function runtimeVersion(): string {
  const manifest: unknown = createRequire(import.meta.url)('onnxruntime-node/package.json');
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string') {
    return manifest.version;
  }
  throw new Error('onnxruntime-node has no version in its package.json');
}

/** The first line of what the runtime says, without the C++ source place in front of it. */
export function reason(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  const message = text.replace(/\s+/g, ' ').trim();
  const place = /^\S+\.(?:cc|h):\d+ .*?\)\s*/.exec(message);
  return place ? message.slice(place[0].length) : message;
}

function toRuntime(Runtime: typeof RuntimeTensor, { dtype, shape, data }: Tensor): RuntimeTensor {
  // Where the language has Float16Array, the constructor makes one of the bits, and the native side then sees no bytes in it
  // (onnxruntime-node 1.30 on Node 24). The native side reads plain properties, so a plain object gets through.
  if (dtype === 'float16') return { type: dtype, dims: shape, data, location: 'cpu' } as unknown as RuntimeTensor;
  // The constructor has an overload per type; the runtime checks the data against the type again.
  return new Runtime(dtype, data as never, shape);
}

function fromRuntime(tensor: RuntimeTensor): Tensor {
  const raw: unknown = tensor.data;
  if (tensor.type === 'float16' && ArrayBuffer.isView(raw)) {
    return { dtype: 'float16', shape: tensor.dims, data: new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2) };
  }
  const data = raw as TensorData;
  return { dtype: Dtype.parse(tensor.type), shape: tensor.dims, data: isStrings(data) ? [...data] : data };
}

function signatureOf(path: string, session: InferenceSession): Signature {
  const inputs = session.inputMetadata.map((input) => {
    if (!input.isTensor) throw new ModelLoadError(`${path}: input ${JSON.stringify(input.name)} is no tensor; only tensors can be served`);
    return specOf(path, input);
  });
  const outputs = session.outputMetadata.filter((output) => output.isTensor).map((output) => specOf(path, output));
  if (inputs.length === 0) throw new ModelLoadError(`${path} has no inputs`);
  if (outputs.length === 0) {
    throw new ModelLoadError(`${path} has no output that is a tensor (a scikit-learn model is exported without maps by zipmap=False)`);
  }
  return { inputs, outputs };
}

type TensorMetadata = Extract<InferenceSession['inputMetadata'][number], { readonly isTensor: true }>;

function specOf(path: string, { name, type, shape }: TensorMetadata): TensorSpec {
  const dtype = Dtype.safeParse(type);
  if (!dtype.success) throw new ModelLoadError(`${path}: ${JSON.stringify(name)} has elements of type ${type}, which cannot be served`);
  return { name, dtype: dtype.data, shape: shape.map((dimension) => (typeof dimension === 'number' ? dimension : null)) };
}
