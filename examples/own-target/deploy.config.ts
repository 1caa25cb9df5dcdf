import { definePipeline } from 'modelflow';
import { deploy, kerasModel, toOnnx } from 'modelflow/stages';
import { modelRepository } from './model-repository.ts';

export default definePipeline({
  name: 'own-target',
  build: () => {
    const onnx = toOnnx({ model: kerasModel({ path: '../digits/digits.keras' }) });
    return { live: deploy({ what: onnx, service: 'digits', target: modelRepository({ folder: './models' }) }) };
  },
});
