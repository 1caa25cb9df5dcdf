// Requests a second of our server beside FastAPI's on the same model, machine and minutes.
// Run it with `npx node test/bench/serve/bench.ts [seconds per sample]`. It installs the peer into a virtual environment in the temporary
// folder. Ratios are what counts: both are measured in turn, several times, and the medians are compared.

import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import autocannon from 'autocannon';
import { perceptron } from '../../serve/example-models.ts';
import { writeModel } from '../../serve/onnx-model.ts';

const peerPackages = ['fastapi==0.165.0', 'uvicorn[standard]==0.54.0', 'onnxruntime==1.31.1', 'numpy==2.4.6', 'orjson'];
const rounds = 3;
const seconds = Number(process.argv[2] ?? 3);

interface Contender {
  readonly name: string;
  readonly url: string;
  readonly body: string | Buffer;
  readonly headers: Readonly<Record<string, string>>;
}

interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
}

const path = await writeModel(perceptron(), 'm.onnx');
const children: ChildProcess[] = [];
try {
  const python = await peerPython();
  const [ourPort, peerPort] = [18_431, 18_432];
  children.push(
    await started(process.execPath, [source('../../../core/serve/main.ts'), '--bundle', path, '--port', String(ourPort)], ourPort),
  );
  children.push(await started(python, [source('./peer.py'), path, String(peerPort)], peerPort));
  await compare(contenders(ourPort, peerPort));
} finally {
  for (const child of children) child.kill();
}

function contenders(ourPort: number, peerPort: number): readonly Contender[] {
  const row = Array.from({ length: 784 }, (_, index) => Math.round(1e6 * Math.abs(Math.sin(index))) / 1e6);
  const json = { 'content-type': 'application/json' };
  const body = JSON.stringify({ input: [row] });
  const ours = `http://127.0.0.1:${ourPort}`;
  return [
    { name: 'modelflow /predict', url: `${ours}/predict`, body, headers: json },
    { name: 'modelflow /v1', url: `${ours}/v1/models/m:predict`, body: JSON.stringify({ instances: [row] }), headers: json },
    {
      name: 'modelflow /v2 binary',
      url: `${ours}/v2/models/m/infer`,
      body: Buffer.from(Float32Array.from(row).buffer),
      headers: { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' },
    },
    { name: 'FastAPI', url: `http://127.0.0.1:${peerPort}/ordinary`, body, headers: json },
    { name: 'FastAPI, tuned', url: `http://127.0.0.1:${peerPort}/tuned`, body, headers: json },
  ];
}

async function compare(all: readonly Contender[]): Promise<void> {
  console.log(`${availableParallelism()} cores, shared by the server and the load generator; ${rounds} rounds of ${seconds} s`);
  for (const connections of [1, 16, 64]) {
    const samples = new Map<string, Sample[]>(all.map(({ name }) => [name, []]));
    for (let round = 0; round < rounds; round += 1) {
      for (const contender of all) samples.get(contender.name)?.push(await sample(contender, connections));
    }
    const medians = all.map(({ name }) => ({ name, ...medianOf(samples.get(name) ?? []) }));
    const peer = medians.find(({ name }) => name === 'FastAPI, tuned')?.perSecond ?? 1;
    console.log(`\n${connections} connections`);
    for (const { name, perSecond, p99Ms } of medians) {
      const ratio = `${(perSecond / peer).toFixed(2)} × FastAPI, tuned`;
      console.log(`  ${name.padEnd(22)} ${perSecond.toFixed(0).padStart(8)} /s   p99 ${p99Ms.toFixed(1).padStart(6)} ms   ${ratio}`);
    }
  }
}

async function sample({ url, body, headers }: Contender, connections: number): Promise<Sample> {
  const result = await autocannon({ url, method: 'POST', body, headers: { ...headers }, connections, duration: seconds });
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${url}: ${result.non2xx} answers were not 2xx, ${result.errors} errors`);
  return { perSecond: result.requests.average, p99Ms: result.latency.p99 };
}

function medianOf(samples: readonly Sample[]): Sample {
  const sorted = samples.toSorted((left, right) => left.perSecond - right.perSecond);
  return sorted[Math.floor(sorted.length / 2)] ?? { perSecond: 0, p99Ms: 0 };
}

/** Starts a server and waits until it takes connections. */
async function started(command: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ORT_DISABLE_TELEMETRY: '1' } });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`${command} ended with ${code}`);
  });
  ended.catch(() => {});
  const answers = (): Promise<boolean> =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
  while (!(await Promise.race([answers(), ended]))) await new Promise((resolve) => setTimeout(resolve, 100));
  return child;
}

async function peerPython(): Promise<string> {
  const folder = join(tmpdir(), 'modelflow-bench-peer');
  const python = join(folder, 'bin', 'python');
  const run = promisify(execFile);
  if (!existsSync(join(folder, 'bin', 'uvicorn'))) {
    await run('python3', ['-m', 'venv', folder]);
    await run(python, ['-m', 'pip', 'install', '--quiet', ...peerPackages]);
  }
  return python;
}

function source(relative: string): string {
  return fileURLToPath(new URL(relative, import.meta.url));
}
