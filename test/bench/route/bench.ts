// Requests a second and p99 through the router, beside HAProxy with one thread and no proxy at all, on the same machine and minutes.
// Run it with `npx node test/bench/route/bench.ts [seconds per sample]`; without `haproxy` on the PATH only the floor is compared.
// All share the cores with the load generator and the servers behind, so ratios are what counts: each is measured in turn, and medians are compared.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';

const rounds = 3;
const seconds = Number(process.argv[2] ?? 3);
const [behindPort, routerPort, adminPort, proxyPort] = [18_531, 18_532, 18_533, 18_534];
const body = JSON.stringify({ input: Array.from({ length: 64 }, (_, index) => index / 64) });

const folder = await mkdtemp(join(tmpdir(), 'mf-bench-route-'));
const children: ChildProcess[] = [];
try {
  await begin(process.execPath, [source('./backend.ts'), String(behindPort)], behindPort);
  const contenders = [
    { name: 'no proxy', port: behindPort },
    { name: 'router', port: await router() },
    ...(await haproxy().then(
      (port) => [{ name: 'haproxy', port }],
      () => [],
    )),
  ];
  console.log(`${availableParallelism()} cores, shared by everything; ${rounds} rounds of ${seconds} s`);
  for (const connections of [1, 16, 64]) await compare(contenders, connections);
} finally {
  for (const child of children) child.kill();
  await rm(folder, { recursive: true, force: true });
}

async function router(): Promise<number> {
  const table = join(folder, 'table.json');
  const backends = [`http://127.0.0.1:${behindPort}`];
  const revisions = [
    { stamp: 'stable', weight: 95, backends },
    { stamp: 'candidate', weight: 5, backends },
  ];
  await writeFile(table, JSON.stringify({ generation: 1, revisions }));
  const ports = ['--port', String(routerPort), '--admin-port', String(adminPort)];
  await begin(
    process.execPath,
    [source('../../../dist/image/router.js'), 'serve', '--host', '127.0.0.1', ...ports, '--table', table],
    routerPort,
  );
  return routerPort;
}

async function haproxy(): Promise<number> {
  const file = join(folder, 'haproxy.cfg');
  const server = `127.0.0.1:${behindPort}`;
  await writeFile(
    file,
    `global
  nbthread 1
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 60s
frontend all
  bind 127.0.0.1:${proxyPort}
  default_backend behind
backend behind
  option forwardfor
  http-reuse always
  server stable ${server} weight 95
  server candidate ${server} weight 5
`,
  );
  await begin('haproxy', ['-f', file, '-db'], proxyPort);
  return proxyPort;
}

async function compare(contenders: readonly { readonly name: string; readonly port: number }[], connections: number): Promise<void> {
  const samples = new Map<string, { readonly perSecond: number; readonly p99Ms: number }[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, port } of contenders) {
      const url = `http://127.0.0.1:${port}/predict`;
      const headers = { 'content-type': 'application/json' };
      const result = await autocannon({ url, method: 'POST', body, headers, connections, duration: seconds });
      if (result.non2xx + result.errors > 0)
        throw new Error(`${name}: ${result.non2xx} answers were no 2xx, ${result.errors} requests failed`);
      samples.get(name)?.push({ perSecond: result.requests.average, p99Ms: result.latency.p99 });
    }
  }
  const median = (values: readonly number[]): number => [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;
  const perSecond = (name: string): number => median((samples.get(name) ?? []).map((each) => each.perSecond));
  console.log(`\n${connections} connections`);
  for (const { name } of contenders) {
    const ratios = ['no proxy', 'haproxy'].filter((peer) => samples.has(peer) && peer !== name);
    const shown = ratios.map((peer) => `${(perSecond(name) / perSecond(peer)).toFixed(2)} × ${peer}`).join(', ');
    const p99Ms = median((samples.get(name) ?? []).map((each) => each.p99Ms));
    console.log(`  ${name.padEnd(10)} ${perSecond(name).toFixed(0).padStart(8)} /s   p99 ${p99Ms.toFixed(0).padStart(4)} ms   ${shown}`);
  }
}

async function begin(program: string, args: readonly string[], port: number): Promise<void> {
  const child = spawn(program, args, { stdio: 'ignore' });
  children.push(child);
  const failed = new Promise<never>((_, reject) => child.once('error', reject).once('exit', () => reject(new Error(`${program} ended`))));
  await Promise.race([failed, untilListening(port)]);
  failed.catch(() => {});
}

async function untilListening(port: number): Promise<void> {
  for (;;) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await pause(50);
  }
}

function source(path: string): string {
  return fileURLToPath(new URL(path, import.meta.url));
}
