// modelflow's own demo, and the first thing to read: a digits classifier on its way from a trained Keras model to a monitored service.
import { atLeast, atMost, definePipeline, dropAtMost } from 'modelflow';
import {
  bundle,
  dataset,
  deploy,
  errorRate,
  evaluate,
  kerasModel,
  latency,
  local,
  monitor,
  quantize,
  toOnnx,
  verify,
} from 'modelflow/stages';

export default definePipeline({
  name: 'digits',
  profiles: ['dev', 'production'],
  build: ({ profile }) => {
    const model = kerasModel({
      path: './examples/digits/digits.keras',
      // Declared once; evaluation, calibration and the service all do the same.
      processing: {
        input: { image: { width: 28, height: 28, channels: 1 }, scale: 1 / 255, layout: 'NHW' },
        output: { labels: ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'] },
      },
    });
    const test = dataset({ path: './examples/digits/test.npz' });
    const calibration = dataset({ path: './examples/digits/calibration.npz' });

    const before = evaluate({ model, data: test });
    const onnx = toOnnx({ model, opset: 17 });
    const parity = verify({ original: model, converted: onnx, data: test });
    const int8 = quantize({ model: onnx, calibration, scheme: 'static' });
    const after = evaluate({ model: int8, data: test });

    const release = bundle({
      model: int8,
      name: 'digits',
      gates: [atLeast(after, 'accuracy', 0.95), dropAtMost(before, after, 'accuracy', 0.01), atMost(parity, 'maxAbsoluteError', 1e-4)],
    });
    const service = deploy({ what: release, service: 'digits', target: local({ port: profile === 'production' ? 8080 : 8081 }) });
    const watch = monitor({ service, monitors: [errorRate({ atMost: 0.01 }), latency({ p99Ms: 100 })] });
    return { before, onnx, parity, int8, after, release, service, watch };
  },
});
