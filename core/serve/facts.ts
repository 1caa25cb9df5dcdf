import { z } from 'zod';

/** Tensor element types, by their ONNX names. */
export const dtypes = [
  'float32',
  'float64',
  'float16',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
  'string',
] as const;
export const Dtype = z.enum(dtypes);
export type Dtype = z.infer<typeof Dtype>;

/** One input or output. `null` in the shape is a dimension that may vary; the first dimension is the batch. */
export const TensorSpec = z
  .object({
    name: z.string(),
    dtype: Dtype,
    shape: z.array(z.int().nonnegative().nullable()),
  })
  .readonly();
export type TensorSpec = z.infer<typeof TensorSpec>;

export const Signature = z
  .object({
    inputs: z.array(TensorSpec).min(1).readonly(),
    outputs: z.array(TensorSpec).min(1).readonly(),
  })
  .readonly();
export type Signature = z.infer<typeof Signature>;

const ImageProcessing = z.strictObject({
  width: z.int().min(1).max(16_384).describe('pixels; an image of another size is resized'),
  height: z.int().min(1).max(16_384).describe('pixels'),
  channels: z
    .union([z.literal(1), z.literal(3)])
    .describe('1: grayscale by Rec. 601 luma (0.299 R + 0.587 G + 0.114 B); 3: red, green, blue'),
  invert: z.boolean().default(false).describe('255 − value, for dark-on-light images when the model was trained on light-on-dark'),
});

/** What turns raw data into what the model takes. The order is: image (decode, gray, resize, invert) → scale → mean, std → layout. */
const InputProcessing = z.strictObject({
  image: ImageProcessing.optional().describe('the model takes images: uploads are decoded to this size'),
  scale: z.number().positive().optional().describe('every value is multiplied by it, e.g. 1/255'),
  mean: z.array(z.number()).min(1).optional().describe('subtracted after `scale`: one number, or one per channel'),
  std: z.array(z.number().positive()).min(1).optional().describe('divided by after `mean`: one number, or one per channel'),
  layout: z
    .enum(['NHWC', 'NCHW', 'NHW'])
    .optional()
    .describe('where the channels stand in what the model takes; raw images are NHWC, or NHW with one channel'),
});

/** What turns the model's output into an answer. */
const OutputProcessing = z.strictObject({
  activation: z
    .enum(['none', 'softmax', 'sigmoid'])
    .default('none')
    .describe('applied to the first output, over its last axis: for models that end in logits'),
  labels: z.array(z.string()).min(1).optional().describe('names of the classes, in the order of the output'),
});

/** One declaration, used alike by evaluation, calibration and serving: it travels with the model, so they cannot differ. */
export const Processing = z.strictObject({
  input: InputProcessing.default({}),
  output: OutputProcessing.default({ activation: 'none' }),
});
export type Processing = z.output<typeof Processing>;
export type ProcessingInput = z.input<typeof Processing>;

/** `bundle.json` of a serving bundle, which lies beside the model file it names. */
export const BundleManifest = z.strictObject({
  format: z.literal(1),
  /** The name the model is served under unless the target gives another. */
  name: z.string(),
  /** File name of the ONNX model inside the bundle. */
  model: z.string().regex(/^[^/\\]+$/),
  signature: Signature,
  processing: Processing,
  opset: z.int().positive(),
  precision: z.string(),
  /** What the bundle was checked with. */
  runtime: z.strictObject({ name: z.literal('onnxruntime-node'), version: z.string() }),
});
export type BundleManifest = z.output<typeof BundleManifest>;
