import { join } from 'node:path';
import { type Artifact, BridgeError, failure, type PythonEnvironment, type StageContext, z } from '../../core/index.ts';
import { Signature } from '../../core/serve/index.ts';
import type { FrozenGraph, KerasModel, SavedModel } from '../kinds.ts';

/** A model as it was trained, in one of the forms that TensorFlow reads. */
export type OriginalModel = Artifact<typeof KerasModel> | Artifact<typeof SavedModel> | Artifact<typeof FrozenGraph>;

/** TensorFlow, Keras and tf2onnx in versions that work together. Made when the first of these models is run or converted. */
export const tensorflowEnvironment: PythonEnvironment = { name: 'tensorflow', lock: new URL('./tensorflow.lock', import.meta.url) };

/** What every stage that runs an original has in its `code`. */
export const originalCode: readonly URL[] = [
  new URL('./tensorflow.lock', import.meta.url),
  new URL('./original.py', import.meta.url),
  new URL('./loaders.py', import.meta.url),
  new URL('../lib/bridge.py', import.meta.url),
];

/** What every stage that calls `predictOriginal` has in its `code` besides. */
export const predictCode: readonly URL[] = [...originalCode, new URL('./predict_bridge.py', import.meta.url)];

/** The fields by which the bridge scripts know a model. */
export interface OriginalRequest {
  readonly model: string;
  readonly format: 'keras' | 'h5' | 'saved-model' | 'frozen-graph';
  readonly inputs?: readonly string[];
  readonly outputs?: readonly string[];
}

/** Where the model lies and how it is read. */
export function originalRequest(artifact: OriginalModel): OriginalRequest {
  const model = join(artifact.path, artifact.facts.model);
  switch (artifact.kind) {
    case 'keras-model':
      return { model, format: artifact.facts.format };
    case 'saved-model':
      return { model, format: 'saved-model' };
    case 'frozen-graph':
      return { model, format: 'frozen-graph', inputs: artifact.facts.inputs, outputs: artifact.facts.outputs };
  }
}

const Prediction = z.object({
  outputs: z.array(z.object({ name: z.string(), file: z.string() })),
  latenciesMs: z.array(z.number()),
  signature: Signature,
});

/** What the original answers, each output as a .npy file, in the order of the model. */
export type OriginalPrediction = z.infer<typeof Prediction>;

/**
 * Run the original on rows that are pre-processed already, and measure how long one row takes on one thread (after 5 that do not count).
 * `inputs`: name → .npy file, '' or any name for the only input; with `byOrder`, foreign names are taken in the model's order.
 * `out`: a folder for the outputs. MF3101 when the model cannot be loaded, MF3105 when the rows do not fit it.
 */
export async function predictOriginal(
  ctx: Pick<StageContext, 'python' | 'log'>,
  model: OriginalModel,
  request: {
    readonly inputs: Readonly<Record<string, string>>;
    readonly out: string;
    readonly latencySamples?: number;
    readonly byOrder?: boolean;
  },
): Promise<OriginalPrediction> {
  const original = originalRequest(model);
  const { inputs, out, latencySamples = 0, byOrder = false } = request;
  const script = new URL('./predict_bridge.py', import.meta.url);
  try {
    const reply = await ctx.python.call({
      environment: tensorflowEnvironment,
      script,
      request: { original, inputs, out, latencySamples, byOrder },
    });
    return Prediction.parse(reply);
  } catch (error) {
    throw originalFailure(error, model);
  }
}

const words = { 'keras-model': 'Keras model', 'saved-model': 'SavedModel', 'frozen-graph': 'frozen graph' } as const;

/** What a bridge script said of an original, as a diagnostic; anything else comes back as it is. */
export function originalFailure(error: unknown, model: OriginalModel): unknown {
  if (!(error instanceof BridgeError)) return error;
  const what = words[model.kind];
  const more = { detail: error.detail, cause: error };
  switch (error.kind) {
    case 'not-a-model':
      return failure('MF3101', `The ${what} cannot be loaded: ${error.message}`, { ...more, hint: loadHint(error.message) });
    case 'no-signature':
      return failure('MF3101', `The ${what} cannot be called: ${error.message}`, {
        ...more,
        hint:
          model.kind === 'saved-model'
            ? 'Save it with a signature: model.export(folder), or tf.saved_model.save(model, folder, signatures=…).'
            : 'Give the model an Input layer, or call it once before it is saved.',
      });
    case 'unsafe':
      return failure('MF3101', `The ${what} is not opened: ${error.message}`, {
        ...more,
        hint: 'Code in a model runs on whatever machine opens it. Replace a Lambda layer by layers of Keras, or export a SavedModel where the model was trained.',
      });
    case 'shape':
      return failure('MF3105', `The data does not fit the ${what}: ${error.message}`, {
        ...more,
        hint: 'Compare the shape of the rows and `processing` with what the model takes.',
      });
    default:
      return failure('MF3001', `The ${what} could not be used: ${error.message}`, more);
  }
}

function loadHint(message: string): string {
  if (/custom object|register_keras_serializable|Could not locate class|Unknown layer/i.test(message))
    return 'The model needs classes of its own code. Export a SavedModel where that code is (model.export(folder)) and use savedModel.';
  return 'Try to load it where it was made; if it opens there, save it again with Keras 3 or export a SavedModel.';
}
