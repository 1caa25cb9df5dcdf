import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Docker from 'dockerode';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../remote/servers.ts';
import { testDocker } from '../../support/engines.ts';
import { type Road, roadTo } from '../../support/road.ts';
import { adder, cutOff, type Ground, killed, releaseInTrouble } from './ground.ts';

const engine = testDocker()?.replace('unix://', '') ?? '';

/** The CLI reaches the engine by a road of the test's own, requests reach the service without it. */
async function dockerGround(): Promise<{ readonly ground: Ground; readonly road: Road }> {
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-road-'));
  onTestFinished(async () => {
    await road.cut();
    rmSync(folder, { recursive: true });
  });
  const at = join(folder, 'docker.sock');
  const road = await roadTo({ path: engine }, { path: at });
  const port = await freePort();
  const service = `adder-${port}`;
  const api = new Docker({ socketPath: engine });
  const ground: Ground = {
    config: (settings = '') => `
import { definePipeline } from 'modelflow';
import { bundle, containerize, deploy, docker, onnxModel } from 'modelflow/stages';
export default definePipeline({ name: 'adder', build: () => {
  const image = containerize({ model: bundle({ model: onnxModel({ path: './model.onnx' }) }), name: 'adder' });
  return { service: deploy({ what: image, service: '${service}', target: docker({ port: ${port}, ${settings} }) }) };
} });
`,
    async running() {
      const found = await api.listContainers({ all: true, filters: { label: [`modelflow.service=${service}`] } });
      return found.map(({ Names, State }) => `${Names[0]} ${State}`);
    },
    env: { DOCKER_HOST: `unix://${at}` },
  };
  return { ground, road };
}

describe.skipIf(testDocker() === undefined)('on a Docker engine', { timeout: 300_000 }, () => {
  it('the CLI is killed at one moment after the other of releases: no request is lost, and the next run finishes each', async () => {
    const { ground } = await dockerGround();
    const { tally, ends } = await releaseInTrouble(adder(ground), 6, killed);
    expect(tally.lost).toEqual([]);
    expect(ends.filter(({ signal }) => signal === 'SIGKILL').length).toBeGreaterThan(2);
  });

  it('the engine goes away at one moment after the other of releases: no request is lost, and the next run finishes each', async () => {
    const { ground, road } = await dockerGround();
    const { tally, ends } = await releaseInTrouble(adder(ground), 5, cutOff(road));
    expect(tally.lost).toEqual([]);
    for (const { code, stderr } of ends.filter((end) => end.code !== 0)) {
      expect([1, 8], stderr).toContain(code);
      expect(stderr).toMatch(/MF5\d{3}/);
      expect(stderr).not.toContain('MF9001');
    }
    expect(ends.some(({ code }) => code !== 0)).toBe(true);
  });

  it('an engine that hangs is given up by Ctrl-C, and the next run finishes what was begun', async () => {
    const { ground, road } = await dockerGround();
    const { tally, ends } = await releaseInTrouble(adder(ground), 2, {
      act: ({ child }) => {
        road.stall();
        child.kill('SIGINT');
      },
      mend: () => road.open(),
    });
    expect(tally.lost).toEqual([]);
    expect(ends.map(({ code }) => code).filter((code) => code !== 0 && code !== 130)).toEqual([]);
  });
});
