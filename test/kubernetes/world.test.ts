import { rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LogLine, z } from '../../core/index.ts';
import { kubernetesSettings } from '../../stages/deploy/kubernetes/settings.ts';
import { kubernetes } from '../../stages/deploy/targets/kubernetes.ts';
import { testCluster } from '../support/engines.ts';
import { loadOn } from '../support/load.ts';
import { ClusterRig, diagnosticOf } from './service-rig.ts';
import { type Image, pushStandIn } from './stand-in-image.ts';

const cluster = testCluster();
const [a, b] = ['a'.repeat(64), 'b'.repeat(64)];

describe.skipIf(cluster === undefined)('a service on the Kubernetes cluster, and others at work in it', () => {
  let rig: ClusterRig;
  let one: Image;
  let two: Image;

  beforeAll(async () => {
    if (cluster === undefined) return;
    rig = await ClusterRig.open(cluster, 'world');
    [one, two] = [await pushStandIn(cluster.registry, 'one'), await pushStandIn(cluster.registry, 'two')];
  }, 120_000);
  afterAll(() => rig?.close());

  test('what somebody changed with kubectl is shown with who did it, is refused to be overwritten, and taken back by force', {
    timeout: 60_000,
  }, async () => {
    rig.service = 'drifting';
    await rig.apply(one, a);
    await rig.in('scale', 'deployment/drifting-aaaaaaaa', '--replicas=2');
    const { drift } = await rig.read();
    expect(drift).toEqual([{ path: 'Deployment/drifting-aaaaaaaa spec.replicas', before: 1, after: '2 (by kubectl)' }]);
    const refused = await diagnosticOf(rig.apply(one, a));
    expect(refused).toMatchObject({
      code: 'MF5269',
      message: expect.stringMatching(/spec\.replicas belongs to kubectl/),
      hint: expect.stringContaining('force'),
    });
    const live = await rig.apply(one, a, { force: true });
    expect(live.drift).toBeUndefined();
    expect(JSON.parse(await rig.in('get', 'deployment/drifting-aaaaaaaa', '-o', 'json')).spec.replicas).toBe(1);
  });

  test('what somebody deleted is made again, and what the configuration has no longer goes', { timeout: 60_000 }, async () => {
    rig.service = 'drifting';
    await rig.in('delete', 'networkpolicy', '--all');
    await rig.apply(one, a);
    expect(await rig.in('get', 'networkpolicy', '-o', 'name')).toContain('drifting-model');
    await rig.apply(one, a, { networkPolicy: false });
    expect(await rig.in('get', 'networkpolicy', '-o', 'name')).toBe('');
    await rig.in('delete', 'deployment', 'drifting-aaaaaaaa');
    expect((await rig.read()).revisions).toMatchObject([{ stamp: a, weight: 100, health: 'stopped' }]);
    expect((await rig.apply(one, a)).revisions).toMatchObject([{ stamp: a, weight: 100, health: 'ready' }]);
    await rig.remove();
    expect(await rig.in('get', 'all', '-l', 'modelflow.dev/service=drifting', '-o', 'name')).toBe('');
  });

  test('a Service whose selector somebody else holds is met before anything is made', { timeout: 60_000 }, async () => {
    rig.service = 'taken';
    await rig.apply(one, a);
    const front = `{"metadata":{"name":"taken"},"apiVersion":"v1","kind":"Service","spec":{"selector":{"modelflow.dev/stamp":"other"}}}`;
    const file = join(tmpdir(), `modelflow-taken-${process.pid}`);
    await writeFile(file, front);
    await rig.in('apply', '--server-side', '--force-conflicts', '-f', file);
    await rm(file);
    expect(await diagnosticOf(rig.apply(two, b))).toMatchObject({ code: 'MF5269', message: expect.stringContaining('belongs to kubectl') });
    expect(await rig.in('get', 'deployment', '-l', 'modelflow.dev/service=taken', '-o', 'name')).toBe('deployment.apps/taken-aaaaaaaa\n');
    await rig.remove();
  });

  test('whatever somebody deletes is missed, and made again while requests go on', { timeout: 120_000 }, async () => {
    rig.service = 'deleted';
    const router = { traffic: 'router', router: { replicas: 1 } } as const;
    const { url = '' } = await rig.apply(one, a, router);
    expect((await rig.read()).drift).toBeUndefined();
    const load = loadOn(url);
    for (const kind of ['configmap', 'secret', 'serviceaccount', 'networkpolicy', 'poddisruptionbudget']) {
      await rig.in('delete', kind, '-l', 'modelflow.dev/service=deleted');
      const { drift = [] } = await rig.read();
      expect(drift.map(({ path, before, after }) => `${path.toLowerCase().split('/')[0]}: ${before} ${after}`)).toContain(
        `${kind}: there undefined`,
      );
      expect((await rig.apply(one, a, router)).drift).toBeUndefined();
    }
    // With a Secret that was made anew the routers still take what they are told, and keep it.
    expect((await rig.apply(two, b, router)).revisions).toMatchObject([{ stamp: b, weight: 100, health: 'ready' }]);
    const { lost } = await load.stop();
    expect(lost).toEqual([]);
    await rig.in('delete', 'service', 'deleted');
    expect((await rig.read()).drift).toContainEqual({ path: 'Service/deleted', before: 'there', after: undefined });
    await rig.apply(two, b, router);
    await rig.remove();
  });

  test('two releases share the requests as they are told, and what each answered is counted', { timeout: 120_000 }, async () => {
    rig.service = 'shared';
    const router = { traffic: 'router', router: { replicas: 1 } } as const;
    const first = await rig.apply(one, a, router);
    const planned = { service: rig.service, revisions: [{ stamp: b, weight: 100, what: two }] };
    const changes = await kubernetes.def.diff?.(rig.context({ ...router, service: { port: 81 } }), planned, first);
    expect(changes).toEqual([
      { path: 'Deployment/shared-bbbbbbbb', before: undefined, after: 'made' },
      { path: 'Service/shared spec.ports.[http].port', before: 80, after: 81 },
      { path: 'Deployment/shared-aaaaaaaa', before: 'there', after: undefined },
    ]);
    const live = await rig.bring(
      [
        { stamp: a, weight: 75, what: one },
        { stamp: b, weight: 25, what: two },
      ],
      router,
    );
    expect(live.revisions).toMatchObject([
      { stamp: a, weight: 75 },
      { stamp: b, weight: 25 },
    ]);
    const load = loadOn(live.url ?? '', { requestsPerSecond: 100 });
    await load.answered(200);
    const { sent, lost } = await load.stop();
    expect(lost).toEqual([]);
    const report = await kubernetes.def.observe?.(rig.context(router), rig.service);
    const counts = report?.sources.flatMap(({ revisions }) => revisions.map(({ stamp, requests }) => [stamp, requests] as const)) ?? [];
    const sum = (stamp: string): number => counts.reduce((all, [each, requests]) => all + (each === stamp ? requests : 0), 0);
    expect(sum(a) + sum(b)).toBeGreaterThanOrEqual(sent);
    expect(sum(b) / (sum(a) + sum(b))).toBeCloseTo(0.25, 1);
    const after = await rig.bring([{ stamp: b, weight: 100, what: two }], router);
    expect(after.revisions).toMatchObject([{ stamp: b, weight: 100, health: 'ready' }]);
    await rig.remove();
  });

  test('an API server that is away for a while delays a release, and one that stays away is told', { timeout: 120_000 }, async () => {
    rig.service = 'cut-off';
    const own = rig.kubeconfig;
    const config = JSON.parse(await rig.kubectl('config', 'view', '--raw', '--minify', '-o', 'json'));
    const [{ cluster: direct }] = config.clusters;
    const proxy = await CuttableLine.open(direct.server);
    config.clusters[0].cluster = { ...direct, server: `https://127.0.0.1:${proxy.port}`, 'tls-server-name': proxy.host };
    const kubeconfig = join(tmpdir(), `modelflow-cut-${process.pid}.conf`);
    await writeFile(kubeconfig, JSON.stringify(config));
    await rig.apply(one, a);
    rig.kubeconfig = kubeconfig;
    const releasing = rig.apply(two, b);
    await Promise.race([proxy.carried(8_000), releasing]);
    proxy.cut();
    const away = setTimeout(() => proxy.mend(), 3_000);
    expect((await releasing).revisions).toMatchObject([{ stamp: b, weight: 100, health: 'ready' }]);
    clearTimeout(away);
    proxy.cut();
    expect(await diagnosticOf(rig.read())).toMatchObject({ code: 'MF5265', message: expect.stringContaining('127.0.0.1') });
    await proxy.close();
    rig.kubeconfig = own;
    await rig.remove();
  });

  test('what is not allowed is listed before anything is begun, with the rule that allows it', { timeout: 60_000 }, async () => {
    await rig.in('create', 'serviceaccount', 'limited');
    await rig.in('create', 'role', 'limited', '--verb=get,list,watch', '--resource=deployments.apps,services,pods');
    await rig.in('create', 'rolebinding', 'limited', '--role=limited', `--serviceaccount=${rig.namespace}:limited`);
    const token = (await rig.in('create', 'token', 'limited')).trim();
    const own = rig.kubeconfig;
    rig.kubeconfig = join(tmpdir(), `modelflow-limited-${process.pid}.conf`);
    const config = JSON.parse(await rig.kubectl('config', 'view', '--raw', '--minify', '-o', 'json'));
    config.users[0].user = { token };
    await writeFile(rig.kubeconfig, JSON.stringify(config));
    const [problem] = await kubernetes.def.check(rig.context(), 'limited');
    expect(problem).toMatchObject({ code: 'MF5268', message: expect.stringContaining('create/patch/delete deployments') });
    expect(problem?.detail?.join('\n')).toContain('"resources":["deployments"]');
    rig.kubeconfig = own;
    expect(await kubernetes.def.check(rig.context(), 'limited')).toEqual([]);
  });

  test('the log has the lines of every pod, and of those that come later', { timeout: 60_000 }, async () => {
    rig.service = 'logged';
    await rig.apply(one, a);
    const ending = new AbortController();
    const lines: LogLine[] = [];
    const reading = (async () => {
      for await (const line of kubernetes.def.logs?.(rig.context({}, ending.signal), rig.service, { follow: true, lines: 10 }) ?? []) {
        lines.push(line);
        if (line.line.includes('stand-in two')) return;
      }
    })();
    await rig.apply(two, b);
    await reading;
    ending.abort();
    expect(lines.map(({ line }) => line)).toEqual(expect.arrayContaining(['stand-in one starts as ok', 'stand-in two starts as ok']));
    await rig.remove();
  });

  test('a namespace that is being deleted takes no release, and is named at once', { timeout: 60_000 }, async () => {
    if (cluster === undefined) return;
    const going = await ClusterRig.open(cluster, 'going');
    await going.apply(one, a);
    await going.in('create', 'configmap', 'held');
    const held = (finalizers: string) =>
      going.in('patch', 'configmap', 'held', '--type=merge', '-p', `{"metadata":{"finalizers":${finalizers}}}`);
    await held('["modelflow.test/held"]');
    await going.close();
    expect(await diagnosticOf(going.apply(two, b))).toMatchObject({ code: 'MF5282', message: expect.stringContaining('being deleted') });
    const [problem] = (await kubernetes.def.check?.(going.context(), going.service)) ?? [];
    expect(problem).toMatchObject({ code: 'MF5282', message: expect.stringContaining('being deleted') });
    await held('[]');
  });
});

test('of a kubeconfig with a mistake in it, nothing is shown that stands there', async () => {
  const kubeconfig = join(tmpdir(), `modelflow-mistaken-${process.pid}`);
  await writeFile(kubeconfig, 'users: [{name: u, user: {token: "hidden-token"}}]\nclusters: [{name: ""c""}]\n');
  const settings = z.strictObject(kubernetesSettings).parse({ kubeconfig });
  const log = { info: () => {}, warn: () => {}, progress: () => {} };
  const told = await diagnosticOf(
    kubernetes.def.read({ settings, log, signal: new AbortController().signal, stateFolder: '/nowhere' }, 'digits'),
  );
  await rm(kubeconfig);
  expect(told).toMatchObject({ code: 'MF5266', message: expect.stringContaining(kubeconfig) });
  expect(JSON.stringify(told)).not.toContain('hidden-token');
});

/** In front of the API server: it can be cut, and mended. */
class CuttableLine {
  readonly host: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;
  #bytes = 0;
  #wake = (): void => {};

  private constructor(host: string, port: number) {
    this.host = host;
    this.#server = createServer((socket) => {
      if (this.#isCut) return socket.destroy();
      const onward = connect(port, host);
      for (const each of [socket, onward]) {
        this.#sockets.add(each);
        each.on('error', () => each.destroy()).on('close', () => this.#sockets.delete(each));
      }
      socket.on('data', ({ length }) => {
        this.#bytes += length;
        this.#wake();
      });
      socket.pipe(onward).pipe(socket);
      return undefined;
    });
  }

  static async open(server: string): Promise<CuttableLine> {
    const { hostname, port } = new URL(server);
    const proxy = new CuttableLine(hostname, Number(port || 443));
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { readonly port: number }).port;
  }

  /** Resolves when so much was sent to the API server. */
  async carried(bytes: number): Promise<void> {
    while (this.#bytes < bytes)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  close(): Promise<void> {
    this.cut();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
