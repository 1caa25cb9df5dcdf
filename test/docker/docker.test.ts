import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { testDocker } from '../support/engines.ts';
import { loadOn } from '../support/load.ts';
import { DockerRig, stamps } from './docker-rig.ts';

describe.skipIf(testDocker() === undefined)('the Docker target, on a Docker engine', { timeout: 120_000 }, () => {
  let rig: DockerRig;
  beforeEach(async () => {
    rig = await DockerRig.open();
  });
  afterEach(() => rig.close());

  test('a release is live behind the router, as a user without rights, and answers', async () => {
    const live = await rig.apply([await rig.image('first'), stamps.a]);
    expect(live.revisions).toEqual([{ id: '1', stamp: stamps.a, weight: 100, health: 'ready' }]);
    expect(await rig.ask(live)).toEqual({ label: 'first', secret: null, user: 65532 });
    expect(await rig.probe()).toEqual({ ok: true });
    expect(await rig.read()).toEqual(live);
  });

  test.each([true, false])('no request is lost while releases are replaced (keep-alive: %s)', async (isKeptAlive) => {
    const images = [await rig.image('first'), await rig.image('second')];
    const live = await rig.apply([images[0] as never, stamps.a]);
    const load = loadOn(live.url ?? '', { requestsPerSecond: 100, isKeptAlive });
    await load.answered(20);
    for (let at = 1; at <= 4; at++) await rig.apply([images[at % 2] as never, at % 2 ? stamps.b : stamps.a]);
    await load.answered(20);
    const { sent, lost } = await load.stop();
    expect(lost).toEqual([]);
    expect(sent).toBeGreaterThan(100);
  });
});
