import { atLeast, defineStage, dropAtMost, file, many, must, optional, secret, secretText, z } from 'modelflow';
import { Dataset, EvalReport, KerasModel, OnnxModel } from 'modelflow/stages';

const keras = defineStage({
  name: 'keras',
  version: 1,
  inputs: {},
  options: { path: file() },
  output: KerasModel,
  async run({ options }) {
    const path: string = options.path.path;
    return { model: path, format: 'keras', processing: { input: {}, output: { activation: 'none' } }, sizeBytes: 1 };
  },
});
const data = defineStage({
  name: 'data',
  version: 1,
  inputs: {},
  options: {},
  output: Dataset,
  run: async () => ({ rows: 1, inputs: [] }),
});
const toOnnx = defineStage({
  name: 'to-onnx',
  version: 1,
  inputs: { model: KerasModel },
  options: { opset: z.int().default(17) },
  output: OnnxModel,
  run: async ({ inputs, options }) => ({
    model: inputs.model.facts.model,
    opset: options.opset,
    precision: 'float32',
    signature: { inputs: [], outputs: [] },
    processing: inputs.model.facts.processing,
    sizeBytes: 1,
  }),
});
const evaluate = defineStage({
  name: 'evaluate',
  version: 1,
  inputs: { model: [KerasModel, OnnxModel], data: Dataset, baseline: optional(EvalReport), others: many(EvalReport) },
  options: {},
  output: EvalReport,
  async run({ inputs }) {
    // Several kinds in a slot are told apart by the literal.
    const opset: number | undefined = inputs.model.kind === 'onnx-model' ? inputs.model.facts.opset : undefined;
    const before: number | undefined = inputs.baseline?.facts.accuracy;
    const rows: number = inputs.others.length + (opset ?? 0) + (before ?? 0);
    return { task: 'regression', rows, model: 'x', sizeBytes: 1, latencyP50Ms: 1, latencyP99Ms: 1 };
  },
});

const model = keras({ path: 'a' });
const onnx = toOnnx({ model, opset: 13, retries: 2 });
const report = evaluate({ model: onnx, data: data({}), others: [] });
evaluate({
  model,
  data: data({}),
  others: [report],
  baseline: report,
  gates: [
    atLeast(report, 'accuracy', 0.9),
    dropAtMost(report, report, 'f1Macro', 0.1, { rows: 10 }),
    must(report, (facts) => facts.rows > 1, 'rows'),
  ],
});

// @ts-expect-error a dataset is not a model
toOnnx({ model: data({}) });
// @ts-expect-error an OnnxModel is not a KerasModel
toOnnx({ model: onnx });
// @ts-expect-error a misspelt option
toOnnx({ model, opsett: 13 });
// @ts-expect-error a missing slot
evaluate({ model, others: [] });
// @ts-expect-error a ref is not a string
toOnnx({ model: 'model.onnx' });
// @ts-expect-error no such fact
atLeast(report, 'acuracy', 0.9);
// @ts-expect-error a fact that is no number
atLeast(report, 'task', 0.9);
// @ts-expect-error facts are typed in a gate of code
must(report, (facts) => facts.acuracy > 1, '');
// @ts-expect-error a drop compares two reports of one kind
dropAtMost(onnx, report, 'accuracy', 0.1);

const download = defineStage({
  name: 'download',
  version: 1,
  inputs: {},
  options: { token: secretText() },
  output: Dataset,
  async run({ options }) {
    const token: string = options.token.reveal();
    return { rows: token.length, inputs: [] };
  },
});
download({ token: secret('TOKEN', { file: './token' }) });
// @ts-expect-error a value is not a secret
download({ token: process.env['TOKEN'] ?? '' });
// @ts-expect-error an environment variable is the name itself
secret('TOKEN', { environment: 'TOKEN' });
