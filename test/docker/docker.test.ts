import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { ModelflowError } from '../../core/index.ts';
import { secretWith } from '../../core/spec/secret.ts';
import { targetSuite } from '../../core/testing/index.ts';
import { tagOf } from '../../stages/deploy/docker/names.ts';
import { docker } from '../../stages/index.ts';
import { loadImage } from '../../stages/lib/docker-load.ts';
import { freePort } from '../package/installed.ts';
import { testDocker } from '../support/engines.ts';
import { loadOn } from '../support/load.ts';
import { DockerRig, type Image, stamps } from './docker-rig.ts';

describe.skipIf(testDocker() === undefined)('the Docker target, on a Docker engine', { timeout: 120_000 }, () => {
  let rig: DockerRig;
  let made: DockerRig;
  let first: Image;
  let second: Image;
  beforeAll(async () => {
    made = await DockerRig.open();
    first = await made.image('first');
    second = await made.image('second');
  }, 120_000);
  afterAll(() => made?.close());
  beforeEach(async () => {
    rig = await DockerRig.open();
  });
  afterEach(() => rig.close());

  test('a release is live behind the router, as a user without rights, and answers', async () => {
    const live = await rig.apply([first, stamps.a]);
    expect(live.revisions).toEqual([{ id: '1', stamp: stamps.a, weight: 100, health: 'ready' }]);
    expect(await rig.ask(live)).toEqual({ label: 'first', secret: null, user: 65532 });
    expect(await rig.probe()).toEqual({ ok: true });
    expect(await rig.read()).toEqual(live);
  });

  test('no request is lost while releases are replaced, on kept and on fresh connections', async () => {
    const live = await rig.apply([first, stamps.a]);
    const loads = [true, false].map((isKeptAlive) => loadOn(live.url ?? '', { requestsPerSecond: 50, isKeptAlive }));
    await Promise.all(loads.map((load) => load.answered(20)));
    for (let at = 1; at <= 5; at++) await rig.apply([at % 2 ? second : first, at % 2 ? stamps.b : stamps.a]);
    await Promise.all(loads.map((load) => load.answered(20)));
    for (const { sent, lost } of await Promise.all(loads.map((load) => load.stop()))) {
      expect(lost).toEqual([]);
      expect(sent).toBeGreaterThan(100);
    }
  });

  test('a server that ends is the reason at once, with its exit code and its last words; the release before goes on', async () => {
    const live = await rig.apply([first, stamps.a]);
    const told = await refusal(rig.apply([await rig.image('bad', 'exits'), stamps.b]));
    expect(told.code).toBe('MF5206');
    expect(told.message).toContain('ended with exit code 3');
    expect(told.detail).toEqual(['stand-in bad exits', 'model.onnx: this is no model']);
    expect(await rig.read()).toEqual(live);
    expect((await rig.ask(live)).label).toBe('first');
    expect((await rig.containers()).filter((name) => name.startsWith('b'))).toEqual([]);
  });

  test('a first release that fails leaves nothing behind', async () => {
    const told = await refusal(rig.apply([await rig.image('bad', 'exits'), stamps.b]));
    expect(told.code).toBe('MF5206');
    expect(await rig.containers()).toEqual([]);
    expect((await rig.read()).revisions).toEqual([]);
  });

  test('a server that needs more memory than it may have is told as that', async () => {
    const told = await refusal(rig.apply([await rig.image('big', 'eats'), stamps.a], { memory: '96m' }));
    expect(told.code).toBe('MF5207');
    expect(told.message).toContain('its limit of 96 MiB');
  });

  test('a server that is never ready is given up after the time it may take, with what it answers', async () => {
    const told = await refusal(rig.apply([await rig.image('late', 'never-ready'), stamps.a], { readyTimeoutMs: 1500 }));
    expect(told.code).toBe('MF5004');
    expect(told.message).toContain('within 1500 ms');
    expect(told.detail).toEqual(['stand-in late never-ready']);
  });

  test('traffic is split by weight, counted, and a release of weight 0 is kept ready', async () => {
    await rig.apply([first, stamps.a]);
    const both = (weight: number, mirror?: number) => [
      { stamp: stamps.a, weight: 100 - weight, what: first as never },
      { stamp: stamps.b, weight, ...(mirror ? { mirror } : {}), what: second as never },
    ];
    const split = await rig.apply(both(25));
    expect(split.revisions.map(({ stamp, weight, health }) => [stamp, weight, health])).toEqual([
      [stamps.a, 75, 'ready'],
      [stamps.b, 25, 'ready'],
    ]);
    const load = loadOn(split.url ?? '', { requestsPerSecond: 200 });
    await load.answered(200);
    expect((await load.stop()).lost).toEqual([]);
    const [source] = (await rig.observe()).sources;
    const counts = new Map(source?.revisions.map(({ stamp, requests }) => [stamp, requests]));
    // 200 draws of one in four: outside of these only once in 10^9.
    expect(counts.get(stamps.b)).toBeGreaterThan(12);
    expect(counts.get(stamps.b)).toBeLessThan(95);
    const shadowed = await rig.apply(both(0, 100));
    expect(shadowed.revisions[1]).toMatchObject({ weight: 0, mirror: 100, health: 'ready' });
    expect((await rig.ask(shadowed)).label).toBe('first');
    const back = await rig.apply([first, stamps.a]);
    expect(back.revisions.map(({ stamp }) => stamp)).toEqual([stamps.a]);
    expect(await rig.containers()).toHaveLength(2);
  });

  test('what a killed run left is taken up or away by the next', async () => {
    const live = await rig.apply([first, stamps.a]);
    // As after kill -9: a container of the next release runs and another one was made, but the router was not told.
    const found = await rig.container(`${stamps.a.slice(0, 12)}-0`).inspect();
    for (const [stamp, revision] of [
      [stamps.b, '2'],
      [stamps.c, '3'],
    ] as const) {
      const { Config, HostConfig } = found;
      const Labels = { ...Config.Labels, 'modelflow.stamp': stamp, 'modelflow.revision': revision };
      await rig.engine.api.createContainer({
        ...Config,
        HostConfig,
        Labels,
        name: `modelflow-${rig.service}-${stamp.slice(0, 12)}-0`,
      } as object);
    }
    const { drift, ...rest } = await rig.read();
    expect(rest).toEqual(live);
    expect(drift?.map(({ after }) => after)).toEqual(['was left, stopped', 'was left, stopped']);
    const next = await rig.apply([second, stamps.b]);
    expect(next.drift).toBeUndefined();
    expect((await rig.ask(next)).label).toBe('second');
    expect((await rig.containers()).filter((name) => !name.startsWith('router'))).toEqual([`${stamps.b.slice(0, 12)}-0`]);
  });

  test('a container that somebody stopped or removed is drift, and is there again after the next run', async () => {
    const image = first;
    await rig.apply([image, stamps.a], { replicas: 2 });
    await rig.container(`${stamps.a.slice(0, 12)}-1`).stop();
    const stopped = await rig.read();
    expect(stopped.revisions[0]?.health).toBe('failing');
    expect(stopped.drift).toMatchObject([{ path: `container modelflow-${rig.service}-${stamps.a.slice(0, 12)}-1`, before: 'runs' }]);
    expect(await rig.probe()).toMatchObject({ ok: false });
    await rig.container(`${stamps.a.slice(0, 12)}-0`).remove({ force: true });
    expect((await rig.read()).revisions[0]?.health).toBe('stopped');
    const live = await rig.apply([image, stamps.a], { replicas: 2 });
    expect(live.revisions).toEqual([{ id: '1', stamp: stamps.a, weight: 100, health: 'ready' }]);
    expect((await rig.ask(live)).label).toBe('first');
  });

  test('a container that runs and does not answer is made anew, and a router that was taken off the network joins it again', async () => {
    const image = first;
    const name = `${stamps.a.slice(0, 12)}-0`;
    const live = await rig.apply([image, stamps.a]);
    const [router = ''] = (await rig.containers()).filter((each) => each.startsWith('router'));
    const network = rig.engine.api.getNetwork(`modelflow-${rig.service}`);
    const before = await rig.container(name).inspect();
    await network.disconnect({ Container: before.Id });
    expect((await rig.read()).revisions[0]?.health).toBe('failing');
    expect(await rig.apply([image, stamps.a], { readyTimeoutMs: 3_000 })).toEqual(live);
    const after = await rig.container(name).inspect();
    expect(after.Id).not.toBe(before.Id);
    expect(rig.lines).toContain(`modelflow-${rig.service}-${name} runs, but does not answer: it is made anew`);
    await network.disconnect({ Container: (await rig.container(router).inspect()).Id });
    expect((await rig.ask(await rig.apply([image, stamps.a]))).label).toBe('first');
    expect((await rig.container(name).inspect()).Id).toBe(after.Id);
  });

  test('a router that somebody stopped, paused or removed is brought back with the split that it had', async () => {
    const image = first;
    const live = await rig.apply([image, stamps.a]);
    const [router] = (await rig.containers()).filter((name) => name.startsWith('router'));
    await rig.container(router ?? '').stop();
    const stopped = await rig.read();
    expect(stopped.revisions).toEqual([{ id: '1', stamp: stamps.a, weight: 100, health: 'stopped' }]);
    expect(await rig.apply([image, stamps.a])).toEqual(live);
    await rig.container(router ?? '').pause();
    expect((await rig.ask(await rig.apply([image, stamps.a]))).label).toBe('first');
    await rig.container(router ?? '').remove({ force: true });
    expect((await rig.read()).revisions[0]?.health).toBe('stopped');
    expect((await rig.ask(await rig.apply([image, stamps.a]))).label).toBe('first');
  });

  test('a container has no more rights than it needs; a secret reaches it, and neither its labels nor what is read back', async () => {
    const TOKEN = secretWith({ secret: 'TOKEN', from: { environment: 'TOKEN' } }, () => 'hunter2hunter2');
    const live = await rig.apply([first, stamps.a], { env: { TOKEN }, cpus: 0.5, memory: '256m' });
    expect((await rig.ask(live)).secret).toBe('hunter2hunter2');
    expect(live.settings['env']).toEqual({ TOKEN: { secret: 'TOKEN', from: { environment: 'TOKEN' } } });
    const { Config, HostConfig } = await rig.container(`${stamps.a.slice(0, 12)}-0`).inspect();
    expect(JSON.stringify(Config.Labels)).not.toContain('hunter2');
    expect(HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      PidsLimit: 512,
      NanoCpus: 5e8,
      Memory: 256 << 20,
      MemorySwap: 256 << 20,
      RestartPolicy: { Name: 'unless-stopped' },
    });
  });

  test('only what the engine lacks of an image is sent to it', async () => {
    const signal = new AbortController().signal;
    const log = { info: () => {}, warn: () => {}, progress: () => {} };
    await rig.apply([first, stamps.a]);
    const { sentBytes } = await loadImage(rig.engine, `${second.path}/oci`, tagOf(rig.service, 2, stamps.b), { signal, log });
    expect(sentBytes).toBeGreaterThan(0);
    expect(sentBytes).toBeLessThan(10_000);
    expect(second.facts.sizeBytes).toBeGreaterThan(10_000_000);
  });

  test('as many releases as are to be kept stay as images, and none after the service is removed', async () => {
    const images = [first, second, first];
    for (const [at, stamp] of Object.values(stamps).entries()) await rig.apply([images[at] as Image, stamp]);
    expect(await rig.images()).toEqual([`3-${stamps.c.slice(0, 12)}`, `2-${stamps.b.slice(0, 12)}`]);
    await rig.remove();
    expect(await rig.images()).toEqual([]);
    expect(await rig.containers()).toEqual([]);
  });

  test('a port that is taken is told with who has it, before anything is begun', async () => {
    const live = await rig.apply([first, stamps.a]);
    const port = Number(new URL(live.url ?? '').port);
    expect(await rig.check({ port })).toEqual([]);
    const other = await DockerRig.open();
    onTestFinished(() => other.close());
    const [problem] = await other.check({ port });
    expect(problem?.code).toBe('MF5003');
    expect(problem?.message).toContain(`modelflow's service \`${rig.service}\``);
    const told = await refusal(other.apply([await other.image('second'), stamps.b], { port }));
    expect(told.code).toBe('MF5003');
    expect(await other.containers()).toEqual([]);
  });

  test('another port in the settings moves the service there', async () => {
    const image = first;
    await rig.apply([image, stamps.a]);
    const port = await freePort();
    const after = await rig.apply([second, stamps.b], { port });
    expect(after.url).toBe(`http://127.0.0.1:${port}`);
    expect((await rig.ask(after)).label).toBe('second');
    expect((await rig.containers()).filter((name) => name.startsWith('router'))).toHaveLength(1);
  });

  test('settings that the engine does not run the router with are refused before the one that is there lets go of its port', async () => {
    const live = await rig.apply([first, stamps.a]);
    const [router = ''] = (await rig.containers()).filter((name) => name.startsWith('router'));
    const { State } = await rig.container(router).inspect();
    const noDriver = { log: { driver: 'no-such-driver', options: {} } };
    expect(String(await rig.apply([first, stamps.b], noDriver).catch((error: unknown) => error))).toContain('no-such-driver');
    const elsewhere = await refusal(rig.apply([first, stamps.b], { host: '192.0.2.1' }));
    expect(elsewhere).toMatchObject({ code: 'MF5003', message: 'MF5003: the machine of the engine has no address 192.0.2.1 to listen on' });
    expect((await rig.container(router).inspect()).State.StartedAt).toBe(State.StartedAt);
    expect(await rig.read()).toEqual(live);
  });

  test("what a run left that was killed while it asked for a port is in nobody's way", async () => {
    const live = await rig.apply([first, stamps.a]);
    const [router = ''] = (await rig.containers()).filter((name) => name.startsWith('router'));
    const { Config, HostConfig } = await rig.container(router).inspect();
    const Labels = { ...Config.Labels, 'modelflow.role': 'port' };
    const { Mounts: _, PortBindings: __, ...rest } = HostConfig;
    const name = `modelflow-${rig.service}-${router}-port`;
    const left = await rig.engine.api.createContainer({ ...Config, HostConfig: rest, Labels, name } as object);
    await left.start();
    expect(await rig.read()).toEqual(live);
    await rig.container(router).remove({ force: true });
    expect((await rig.ask(await rig.apply([first, stamps.a]))).label).toBe('first');
    await rig.remove();
    expect(await rig.containers()).toEqual([]);
  });

  test('a name that somebody else has is left alone', async () => {
    const image = first;
    await rig.apply([image, stamps.a]);
    const { Image: id } = await rig.container(`${stamps.a.slice(0, 12)}-0`).inspect();
    const name = `modelflow-${rig.service}-${stamps.b.slice(0, 12)}-0`;
    const foreign = await rig.engine.api.createContainer({ Image: id, name });
    onTestFinished(() => foreign.remove({ force: true }));
    const told = await refusal(rig.apply([second, stamps.b]));
    expect(told.code).toBe('MF5205');
    expect(told.message).toContain(name);
    expect((await foreign.inspect()).State.Status).toBe('created');
  });

  test('the lines of all containers are read as they come, also of those that are started later', async () => {
    const live = await rig.apply([first, stamps.a]);
    const stop = new AbortController();
    const lines: string[] = [];
    const seen = (async () => {
      for await (const { source, line } of rig.follow(stop.signal)) {
        lines.push(`${source} ${line}`);
        if (line.includes('stand-in second')) stop.abort();
      }
    })();
    await rig.apply([second, stamps.b], {}, { have: live });
    await seen;
    expect(lines).toContain(`${stamps.a.slice(0, 12)}/0 stand-in first ok`);
    expect(lines.at(-1)).toBe(`${stamps.b.slice(0, 12)}/0 stand-in second ok`);
  });
});

describe.skipIf(testDocker() === undefined)('what must hold of every target, on a Docker engine', { timeout: 180_000 }, async () => {
  if (testDocker() === undefined) return;
  const rig = await DockerRig.open();
  afterAll(() => rig.close());
  const suite = targetSuite({
    target: rig.target(),
    releases: [await rig.release('first'), await rig.release('second')],
    service: rig.service,
    ask: (live) => rig.ask(live),
  });
  for (const { name, run } of suite) test(name, run);
});

test('the Compose file of a release has its rights, its limits, and its secrets by name', async () => {
  const TOKEN = secretWith({ secret: 'TOKEN', from: { environment: 'TOKEN' } }, () => 'hunter2hunter2');
  const { def, settings } = docker({ port: 8081, memory: '512m', cpus: 1, env: { TOKEN, PRICE: '5$' }, networks: ['web'] });
  const facts = { name: 'acme/digits', tag: '1', port: 8080, user: '65532:65532' };
  const what = { kind: 'oci-image', digest: '', path: '', facts } as never;
  const context = { settings, signal: new AbortController().signal, log: { info() {}, warn() {}, progress() {} }, stateFolder: '' };
  const want = { service: 'digits', revisions: [{ stamp: stamps.a, weight: 100, what }] };
  const files = await def.render?.(context, want, 'compose', { profile: 'default' });
  const text = files?.[0]?.text ?? '';
  expect(text.split('\n')[0]).toBe('# Made by `modelflow render`.');
  expect(text).not.toContain('hunter2');
  const { services } = parse(text);
  expect(services.digits).toMatchObject({
    image: 'acme/digits:1',
    user: '65532:65532',
    read_only: true,
    cap_drop: ['ALL'],
    mem_limit: '512m',
    memswap_limit: '512m',
    ports: ['127.0.0.1:8081:8080'],
    environment: { TOKEN: `\${TOKEN:?set the secret TOKEN}`, PRICE: '5$$' },
    networks: ['default', 'web'],
  });
});

interface Told {
  readonly code: string | undefined;
  readonly message: string;
  readonly detail: readonly string[] | undefined;
}

async function refusal(doing: Promise<unknown>): Promise<Told> {
  const error = await doing.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof ModelflowError)) throw new Error('expected a diagnostic', { cause: error });
  const [first] = error.diagnostics;
  return { code: first?.code, message: error.message, detail: first?.detail };
}
