import { expect, it } from 'vitest';
import { freePort } from '../../remote/servers.ts';
import { adder, type Ground, releaseWithKills } from './ground.ts';

async function localGround(): Promise<Ground> {
  const port = await freePort();
  return {
    url: `http://127.0.0.1:${port}`,
    config: (settings = '') => `
import { definePipeline } from 'modelflow';
import { bundle, deploy, local, onnxModel } from 'modelflow/stages';
export default definePipeline({ name: 'adder', build: () => {
  const release = bundle({ model: onnxModel({ path: './model.onnx' }) });
  return { service: deploy({ what: release, service: 'adder', target: local({ port: ${port}, ${settings} }) }) };
} });
`,
    serving: async () => [],
  };
}

it('no request is lost while the CLI is killed at one moment after the other of releases, and the next run finishes each', async () => {
  const service = adder(await localGround());
  const { lost, killed } = await releaseWithKills(service, 8);
  expect(lost).toEqual([]);
  expect(killed).toBeGreaterThan(3);
});
