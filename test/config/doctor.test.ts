import { createServer } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { makeRig } from '../support/rig.ts';

const taken = createServer();
afterEach(() => new Promise((resolve) => taken.close(resolve)));

it('doctor asks every target whether it could take its service, and says what stands in the way', async () => {
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as { readonly port: number };
  const rig = makeRig({
    'model.onnx': '',
    'deploy.config.ts': `import { definePipeline } from 'modelflow';
import { bundle, deploy, local, onnxModel } from 'modelflow/stages';
export default definePipeline({
  name: 'doctor',
  build: () => {
    const what = bundle({ model: onnxModel({ path: './model.onnx' }) });
    return {
      free: deploy({ what, service: 'free', target: local({ port: 0 }) }),
      taken: deploy({ what, service: 'taken', target: local({ port: ${port} }) }),
    };
  },
});
`,
  });
  const { code, stdout } = await rig.run('doctor', '--json');
  const targets = (JSON.parse(stdout) as { what: string; state: string; text: string }[]).filter(({ what }) => what === 'target local');
  expect(targets.map(({ state }) => state)).toEqual(['ok', 'problem']);
  expect(targets[0]?.text).toBe('could take free');
  expect(targets[1]?.text).toContain(`taken: MF5003: port ${port} on 127.0.0.1 is in use`);
  expect(code).toBe(8);
  expect(rig.exists('.modelflow/services')).toBe(false);
});
