import { describe, expect, onTestFinished, test } from 'vitest';
import { adds, answerAt, asking } from '../support/adder.ts';
import { testDocker } from '../support/engines.ts';
import { loadOn } from '../support/load.ts';
import { makeRig, type Rig } from '../support/rig.ts';

const env = { DOCKER_HOST: testDocker() ?? '' };
const service = `docker-cli-${process.pid}`;

const config = `
import { definePipeline } from 'modelflow';
import { bundle, containerize, deploy, docker, onnxModel } from 'modelflow/stages';

export default definePipeline({
  name: 'adder',
  build: () => {
    const release = bundle({ model: onnxModel({ path: './model.onnx' }), name: 'adder' });
    const image = containerize({ model: release, name: 'docker-test/adder' });
    return { service: deploy({ what: image, service: '${service}', target: docker({ port: 0 }) }) };
  },
});
`;

function rigOnDocker(): Rig {
  const rig = makeRig({ 'model.onnx': adds(1), 'deploy.config.ts': config });
  const run = (...args: string[]) => rig.start(args, { env }).finished;
  onTestFinished(async () => void (await run('down')));
  return { ...rig, run };
}

describe.skipIf(testDocker() === undefined)('the command line, with a Docker engine', { timeout: 300_000 }, () => {
  test('a model goes live as an image, another takes its place under load, one goes back, and all is taken down', async () => {
    const rig = rigOnDocker();
    expect(await rig.run('run')).toMatchObject({ code: 0 });
    const status = async () => JSON.parse((await rig.run('status', '--json')).stdout).services[0].live;
    const { url } = await status();
    expect(await answerAt(url)).toBe(1);
    const load = loadOn(url, { ...asking((added) => added === 1 || added === 2), requestsPerSecond: 50 });
    await load.answered(10);
    rig.write('model.onnx', adds(2));
    expect(await rig.run('run')).toMatchObject({ code: 0 });
    expect(await answerAt(url)).toBe(2);
    expect(await rig.run('rollback')).toMatchObject({ code: 0 });
    expect(await answerAt(url)).toBe(1);
    const { sent, lost } = await load.stop();
    expect({ sent, lost }).toEqual({ sent, lost: [] });
    expect(await rig.run('down')).toMatchObject({ code: 0 });
    expect((await status()).revisions).toEqual([]);
  });

  test('an engine that cannot be reached ends the run with 8, and the next one goes on with what was made', async () => {
    const rig = rigOnDocker();
    const none = await rig.start(['run'], { env: { DOCKER_HOST: `unix://${rig.path('none.sock')}` } }).finished;
    expect(none.code).toBe(8);
    expect(none.stderr).toContain('MF5002');
    expect(none.stderr).toContain('there is no such socket');
    const plan = await rig.run('plan', '--json');
    expect(plan).toMatchObject({ code: 0 });
    expect(await rig.run('run')).toMatchObject({ code: 0 });
  });
});
