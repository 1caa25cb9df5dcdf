import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunEvent } from '../../core/spec/event.ts';
import { type GraphSpec, onnxModel } from '../serve/onnx-model.ts';
import { type Rig, rigIn } from '../support/rig.ts';

/** What a release does with what it is asked: numbers from 0 to 49, each as often as the others. */
export type Behaviour = 'the same again' | 'wrong weights' | 'slow' | 'fails 2 %';

/** y = a row of a table. Slow: some large products on the way. Failing: one number of fifty wants more memory than there is. */
function modelOf(behaviour: Behaviour): Uint8Array {
  const rows = Array.from({ length: 50 }, (_, at) => [0.1 + 0.8 * ((at * 7) % 50 < 25 ? 1 : 0), 0.1 + 0.8 * ((at * 7) % 50 < 25 ? 0 : 1)]);
  const table = Float32Array.from((behaviour === 'wrong weights' ? rows.map((row) => row.toReversed()) : rows).flat());
  const float = (name: string, data: readonly number[], shape = [data.length]) => ({
    name,
    dtype: 'float32' as const,
    shape,
    data: Float32Array.from(data),
  });
  const size = 1_024;
  const products = behaviour === 'slow' ? 96 : 0;
  const graph: GraphSpec = {
    inputs: [{ name: 'x', dtype: 'float32', shape: ['N', 1] }],
    outputs: [{ name: 'y', dtype: 'float32', shape: ['N', 2] }],
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['index'], attributes: { to: 7 } },
      { op: 'Gather', inputs: ['table', 'index'], outputs: ['found'] },
      { op: 'Flatten', inputs: ['found'], outputs: [products > 0 || behaviour === 'fails 2 %' ? 'flat' : 'y'], attributes: { axis: 1 } },
      ...(products > 0
        ? [
            { op: 'MatMul', inputs: ['x', 'row'], outputs: ['p0'] },
            ...Array.from({ length: products }, (_, at) => ({ op: 'MatMul', inputs: [`p${at}`, 'square'], outputs: [`p${at + 1}`] })),
            { op: 'MatMul', inputs: [`p${products}`, 'column'], outputs: ['nothing'] },
            { op: 'Add', inputs: ['flat', 'nothing'], outputs: ['y'] },
          ]
        : []),
      ...(behaviour === 'fails 2 %'
        ? [
            { op: 'ReduceMax', inputs: ['x'], outputs: ['largest'], attributes: { keepdims: 0 } },
            { op: 'Sub', inputs: ['largest', 'last'], outputs: ['over'] },
            { op: 'Relu', inputs: ['over'], outputs: ['room'] },
            { op: 'Mul', inputs: ['room', 'huge'], outputs: ['cells'] },
            { op: 'Cast', inputs: ['cells'], outputs: ['shape'], attributes: { to: 7 } },
            { op: 'ConstantOfShape', inputs: ['shape'], outputs: ['much'] },
            { op: 'ReduceSum', inputs: ['much'], outputs: ['none'], attributes: { keepdims: 0 } },
            { op: 'Add', inputs: ['flat', 'none'], outputs: ['y'] },
          ]
        : []),
    ],
    initializers: [
      { name: 'table', dtype: 'float32', shape: [50, 2], data: table },
      ...(products > 0
        ? [
            float('row', new Array<number>(size).fill(0), [1, size]),
            float('square', new Array<number>(size * size).fill(0.001), [size, size]),
            float('column', new Array<number>(size).fill(0), [size, 1]),
          ]
        : []),
      ...(behaviour === 'fails 2 %' ? [float('last', [48.5]), float('huge', [4e13])] : []),
    ],
  };
  return onnxModel(graph);
}

export interface Released {
  readonly outcome: 'promoted' | 'stopped' | 'paused' | 'failed';
  /** Of users, that the candidate answered before it was decided. */
  readonly answers: number;
  readonly copies: number;
  readonly seconds: number;
  readonly sent: number;
  /** Requests that were not answered with 200; of a release that fails some are. */
  readonly lost: readonly string[];
  readonly said: string;
}

/** A pipeline with the local target whose first release serves, and which is asked all the time. */
export async function openService(
  strategy: string,
): Promise<{ readonly release: (behaviour: Behaviour) => Promise<Released>; readonly close: () => Promise<void> }> {
  const rig = rigIn(mkdtempSync(join(tmpdir(), 'modelflow-real-')));
  const port = await freePort();
  let count = 0;
  const write = (behaviour: Behaviour, how: string): void => {
    const file = `model-${count++}.onnx`;
    writeFileSync(rig.path(file), modelOf(behaviour));
    rig.write('deploy.config.ts', config(file, port, how));
  };
  write('the same again', 'rolling()');
  const first = await rig.run('run');
  if (first.code !== 0) throw new Error(first.stderr);
  return {
    async release(behaviour) {
      // Other bytes each time, or there is nothing to release.
      write(behaviour, strategy);
      const load = askAll(`http://127.0.0.1:${port}`);
      const beganMs = performance.now();
      const run = await rig.run('run');
      const seconds = (performance.now() - beganMs) / 1_000;
      const { sent, lost } = await load.stop();
      return { ...endOf(rig), outcome: outcomeOf(run.code), seconds, sent, lost, said: run.stderr };
    },
    async close() {
      await rig.run('down');
      rmSync(rig.root, { recursive: true, force: true });
    },
  };
}

function outcomeOf(code: number | null): Released['outcome'] {
  return code === 0 ? 'promoted' : code === 4 ? 'stopped' : code === 7 ? 'paused' : 'failed';
}

/** What the journal of the last run says that the candidate was asked. */
function endOf(rig: Rig): Pick<Released, 'answers' | 'copies'> {
  const runs = '.modelflow/runs/real/default';
  const last = readdirSync(rig.path(runs)).sort().at(-1) ?? '';
  const judged = new Map<number, { readonly answers: number; readonly copies: number }>();
  for (const line of rig
    .read(`${runs}/${last}/journal.ndjson`)
    .split('\n')
    .filter((each) => each !== '')) {
    const event = JSON.parse(line.slice(17)) as RunEvent;
    if (event.type === 'rollout-judged')
      judged.set(event.step, { answers: event.phase.candidate.requests, copies: event.phase.compared + event.phase.mirrorFailed });
  }
  const all = [...judged.values()];
  const sum = (of: 'answers' | 'copies'): number => all.reduce((total, each) => total + each[of], 0);
  return { answers: sum('answers'), copies: sum('copies') };
}

function config(file: string, port: number, strategy: string): string {
  return `
import { blueGreen, canary, definePipeline, rolling, shadow } from 'modelflow';
import { bundle, deploy, local, onnxModel } from 'modelflow/stages';
export default definePipeline({ name: 'real', build: () => {
  const release = bundle({ model: onnxModel({ path: './${file}' }), name: ${JSON.stringify(file.replace('.onnx', ''))} });
  return { service: deploy({ what: release, service: 'real', target: local({ port: ${port} }), strategy: ${strategy} }) };
} });
`;
}

/** A hundred requests a second, whatever becomes of those before. */
function askAll(url: string): { stop(): Promise<{ readonly sent: number; readonly lost: readonly string[] }> } {
  const agent = new Agent({ keepAlive: true, maxSockets: 50 });
  const open = new Set<Promise<void>>();
  const lost: string[] = [];
  let sent = 0;
  const one = (value: number): Promise<void> =>
    new Promise((resolve) => {
      const asked = request(
        `${url}/predict`,
        { agent, method: 'POST', timeout: 20_000, headers: { 'content-type': 'application/json' } },
        (answer) => {
          answer.on('error', (error) => resolve(void lost.push(error.message)));
          answer.on('end', () => resolve(answer.statusCode === 200 ? undefined : void lost.push(`status ${answer.statusCode}`)));
          answer.resume();
        },
      );
      asked.on('timeout', () => asked.destroy(new Error('no answer')));
      asked.on('error', (error) => resolve(void lost.push(error.message)));
      asked.end(JSON.stringify({ input: [value] }));
    });
  const timer = setInterval(() => {
    const doing = one(Math.floor(Math.random() * 50)).then(() => void open.delete(doing));
    open.add(doing);
    sent++;
  }, 10);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent.destroy();
      return { sent, lost };
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
