import { expect, it } from 'vitest';
import { freePort } from '../../remote/servers.ts';
import { adder, type Ground, killed, releaseInTrouble } from './ground.ts';

async function localGround(): Promise<Ground> {
  const port = await freePort();
  return {
    config: (settings = '') => `
import { definePipeline } from 'modelflow';
import { bundle, deploy, local, onnxModel } from 'modelflow/stages';
export default definePipeline({ name: 'adder', build: () => {
  const release = bundle({ model: onnxModel({ path: './model.onnx' }) });
  return { service: deploy({ what: release, service: 'adder', target: local({ port: ${port}, ${settings} }) }) };
} });
`,
    running: async () => [],
  };
}

it('the CLI is killed at one moment after the other of releases: no request is lost, and the next run finishes each', async () => {
  const { tally, ends } = await releaseInTrouble(adder(await localGround()), 8, killed);
  expect(tally.lost).toEqual([]);
  expect(ends.filter(({ signal }) => signal === 'SIGKILL').length).toBeGreaterThan(3);
});
