import { z } from 'zod';
import { defineArtifact } from '../core/index.ts';
import { Processing, Signature } from '../core/serve/index.ts';

const sizeBytes = z.int().nonnegative();
const model = z.string().describe('file name of the model inside the artifact');

/** A Keras model file, .keras or .h5. */
export const KerasModel = defineArtifact(
  'keras-model',
  z.object({ model, format: z.enum(['keras', 'h5']), processing: Processing, sizeBytes }),
  [{ fact: 'sizeBytes', label: 'size', unit: 'bytes', better: 'lower' }],
);

/** A TensorFlow SavedModel folder; `model` is the name of the folder. */
export const SavedModel = defineArtifact('saved-model', z.object({ model, processing: Processing, sizeBytes }), [
  { fact: 'sizeBytes', label: 'size', unit: 'bytes', better: 'lower' },
]);

/** A frozen TensorFlow graph (.pb) with the names of its ends. */
export const FrozenGraph = defineArtifact(
  'frozen-graph',
  z.object({ model, inputs: z.array(z.string()).min(1), outputs: z.array(z.string()).min(1), processing: Processing, sizeBytes }),
  [{ fact: 'sizeBytes', label: 'size', unit: 'bytes', better: 'lower' }],
);

/** An ONNX model that the serving runtime has loaded once. */
export const OnnxModel = defineArtifact(
  'onnx-model',
  z.object({
    model,
    opset: z.int().positive(),
    precision: z.enum(['float32', 'float16', 'int8', 'mixed']),
    signature: Signature,
    processing: Processing,
    sizeBytes,
  }),
  [
    { fact: 'opset', label: 'opset', unit: 'count' },
    { fact: 'precision', label: 'precision', unit: 'text' },
    { fact: 'sizeBytes', label: 'size', unit: 'bytes', better: 'lower' },
  ],
);

const ArrayFacts = z.object({
  name: z.string(),
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()).describe('the first dimension is the rows'),
});

/** Rows of inputs, with or without the truth. Each array is a file `<name>.npy` in the artifact. */
export const Dataset = defineArtifact(
  'dataset',
  z.object({ rows: z.int().nonnegative(), inputs: z.array(ArrayFacts).min(1), labels: ArrayFacts.optional() }),
  [{ fact: 'rows', label: 'rows', unit: 'count' }],
);

const metric = z.number().optional();

/** What a model is worth on a dataset. Metrics are scikit-learn's definitions; a metric that does not apply is absent. */
export const EvalReport = defineArtifact(
  'eval-report',
  z.object({
    task: z.enum(['binary', 'multiclass', 'regression']),
    rows: z.int().nonnegative(),
    model: z.string().describe('kind and precision of the model that was measured'),
    sizeBytes,
    accuracy: metric,
    balancedAccuracy: metric,
    matthewsCorrelation: metric,
    precision: metric,
    recall: metric,
    f1: metric,
    precisionMacro: metric,
    recallMacro: metric,
    f1Macro: metric,
    precisionMicro: metric,
    recallMicro: metric,
    f1Micro: metric,
    precisionWeighted: metric,
    recallWeighted: metric,
    f1Weighted: metric,
    rocAuc: metric,
    prAuc: metric,
    logLoss: metric,
    top3Accuracy: metric,
    top5Accuracy: metric,
    calibrationError: metric,
    meanSquaredError: metric,
    halfSumOfSquares: metric,
    meanAbsoluteError: metric,
    r2: metric,
    latencyP50Ms: z.number().nonnegative().describe('one row at a time, one thread'),
    latencyP99Ms: z.number().nonnegative(),
  }),
  [
    { fact: 'accuracy', label: 'accuracy', unit: 'percent', better: 'higher' },
    { fact: 'f1Macro', label: 'F1 macro', unit: 'percent', better: 'higher' },
    { fact: 'meanSquaredError', label: 'MSE', unit: 'number', better: 'lower' },
    { fact: 'r2', label: 'R²', unit: 'number', better: 'higher' },
    { fact: 'sizeBytes', label: 'size', unit: 'bytes', better: 'lower' },
    { fact: 'latencyP50Ms', label: 'latency p50', unit: 'milliseconds', better: 'lower' },
    { fact: 'latencyP99Ms', label: 'p99', unit: 'milliseconds', better: 'lower' },
  ],
  [
    { chart: 'trade-off', title: 'Accuracy, latency and size', across: 'latencyP50Ms', up: 'accuracy', area: 'sizeBytes' },
    { chart: 'trade-off', title: 'Fit, latency and size', across: 'latencyP50Ms', up: 'r2', area: 'sizeBytes' },
    { chart: 'matrix', title: 'Confusion matrix', file: 'report.json', at: 'confusionMatrix' },
    {
      chart: 'table',
      title: 'Class by class',
      file: 'report.json',
      at: 'classes',
      columns: [
        { fact: 'name', label: 'class', unit: 'text' },
        { fact: 'support', label: 'rows', unit: 'count' },
        { fact: 'precision', label: 'precision', unit: 'percent', better: 'higher' },
        { fact: 'recall', label: 'recall', unit: 'percent', better: 'higher' },
        { fact: 'f1', label: 'F1', unit: 'percent', better: 'higher' },
      ],
    },
  ],
);

/** How far a converted model is from its original, output by output. */
export const ParityReport = defineArtifact(
  'parity-report',
  z.object({
    rows: z.int().positive(),
    absoluteTolerance: z.number().nonnegative(),
    relativeTolerance: z.number().nonnegative(),
    maxAbsoluteError: z.number().nonnegative(),
    outputs: z.array(z.object({ name: z.string(), maxAbsoluteError: z.number(), maxRelativeError: z.number() })),
  }),
  [{ fact: 'maxAbsoluteError', label: 'largest error', unit: 'number', better: 'lower' }],
);

/** Model, signature, processing and runtime version: what a target runs and an image wraps. `oci/` is the same as an OCI layout. */
export const ServingBundle = defineArtifact(
  'serving-bundle',
  z.object({ name: z.string(), model, precision: z.string(), runtimeVersion: z.string(), sizeBytes, ociDigest: z.string() }),
  [
    { fact: 'precision', label: 'precision', unit: 'text' },
    { fact: 'sizeBytes', label: 'size', unit: 'bytes', better: 'lower' },
  ],
);

/**
 * A container image as an OCI layout in `oci/`, which `docker load` takes as well. It keeps this contract: it listens on `port` of all addresses,
 * answers `GET /v2/health/live`, `/v2/health/ready` and `/metrics`, runs as `user` on a read-only root with a writable /tmp, and on SIGTERM
 * finishes what it has.
 */
export const OciImage = defineArtifact(
  'oci-image',
  z.object({
    name: z.string().describe('repository, with the registry where there is one, without a tag: ghcr.io/acme/digits'),
    tag: z.string(),
    digest: z.string().describe('sha256:… of the manifest'),
    configDigest: z.string().describe('sha256:… of the configuration: the id that Docker gives it'),
    platform: z.string().describe('linux/amd64'),
    base: z.object({ reference: z.string(), digest: z.string() }),
    layers: z.array(
      z.object({ role: z.enum(['base', 'runtime', 'app', 'model']), digest: z.string(), diffId: z.string(), sizeBytes: z.int() }),
    ),
    model: z.object({ name: z.string(), precision: z.string() }),
    port: z.int(),
    user: z.string().describe('numeric, uid:gid'),
    sizeBytes: sizeBytes.describe('as it is pulled, compressed'),
    unpackedBytes: sizeBytes,
    pushed: z.string().optional().describe('the reference it was pushed to: ghcr.io/acme/digits@sha256:…'),
  }),
  [
    { fact: 'name', label: 'image', unit: 'text' },
    { fact: 'sizeBytes', label: 'to pull', unit: 'bytes', better: 'lower' },
    { fact: 'unpackedBytes', label: 'on disk', unit: 'bytes', better: 'lower' },
  ],
);

/** A service that is live. */
export const Deployment = defineArtifact(
  'deployment',
  z.object({ service: z.string(), target: z.string(), url: z.string(), stamp: z.string(), revision: z.string() }),
  [
    { fact: 'service', label: 'service', unit: 'text' },
    { fact: 'revision', label: 'revision', unit: 'text' },
    { fact: 'url', label: 'url', unit: 'text' },
  ],
);

/** Prometheus configuration, alert rules, and what they say of the service right now. */
export const MonitorReport = defineArtifact(
  'monitor-report',
  z.object({ service: z.string(), url: z.string(), rules: z.int(), samples: z.int(), breaches: z.int() }),
  [
    { fact: 'rules', label: 'rules', unit: 'count' },
    { fact: 'breaches', label: 'breaches', unit: 'count', better: 'lower' },
  ],
);
