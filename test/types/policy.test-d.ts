import { definePipeline, defineStage, policy, refuse, warn } from 'modelflow';
import { EvalReport, OnnxModel } from 'modelflow/stages';

const onnx = defineStage({
  name: 'onnx',
  version: 1,
  inputs: {},
  options: {},
  output: OnnxModel,
  run: async () => ({
    model: 'x',
    opset: 17,
    precision: 'float32',
    signature: { inputs: [], outputs: [] },
    processing: { input: {}, output: { activation: 'none' } },
    sizeBytes: 1,
  }),
});

definePipeline({
  name: 'typed',
  profiles: ['dev', 'production'],
  build: () => ({ small: onnx({ approval: 'users see it' }), other: onnx({ approval: true }) }),
  policies: ({ stages, profile }) => [
    policy('of a call', ({ plan }) => (plan.steps.length > 9 ? warn(`${plan.steps.length} steps in ${profile}`) : [])),
    policy.facts('of a ref', stages.small, ({ facts, last }) =>
      last && facts.sizeBytes > last.sizeBytes * 1.2 ? refuse('it grew') : undefined,
    ),
    policy.facts('of a stage', onnx, ({ facts }) => (facts.opset < 13 ? [refuse('too old')] : [])),
    policy.facts('of a kind', EvalReport, ({ facts }) => {
      if (facts.rows < 100) return warn('few rows');
    }),
    // @ts-expect-error no ONNX model has an accuracy
    policy.facts('wrong fact', OnnxModel, ({ facts }) => (facts.accuracy > 0.9 ? [] : refuse('bad'))),
    // @ts-expect-error `build` returns no such stage
    policy.facts('wrong stage', stages.large, () => []),
    // @ts-expect-error the profiles are dev and production
    ...(profile === 'staging' ? [] : []),
    // @ts-expect-error a policy says warn or refuse, not true
    policy('wrong answer', () => true),
    // @ts-expect-error a promise would be judged before it is kept
    policy('later', async () => []),
  ],
});

// @ts-expect-error why, in words, or true
onnx({ approval: 3 });

definePipeline({
  name: 'in-order',
  profiles: ['dev', 'production'],
  build: ({ profile }) => ({ small: onnx({ approval: profile === 'production' }) }),
  policies: ({ stages }) => [policy.facts('of a ref', stages.small, ({ facts }) => (facts.opset < 13 ? refuse('too old') : []))],
});
