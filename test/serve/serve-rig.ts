import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { type ListenOptions, Processing, type ProcessingInput, type RunningServer, startServer } from '../../core/serve/index.ts';
import { type GraphSpec, onnxModel } from './onnx-model.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  /** The body as JSON; undefined when it is none. */
  readonly json: unknown;
}

export interface Rig {
  readonly server: RunningServer;
  readonly get: (path: string) => Promise<Answer>;
  /** Sends a value as JSON, or a text or bytes as they are. */
  readonly post: (path: string, body: unknown, headers?: Readonly<Record<string, string>>) => Promise<Answer>;
}

export interface RigOptions extends Partial<ListenOptions> {
  readonly processing?: ProcessingInput;
}

/** A live server named `m` on a free port, closed when the test ends. With processing it serves a bundle, without a bare file. */
export async function serve(graph: GraphSpec, { processing, ...options }: RigOptions = {}): Promise<Rig> {
  const folder = await mkdtemp(join(tmpdir(), 'modelflow-serve-'));
  await writeFile(join(folder, 'm.onnx'), onnxModel(graph));
  if (processing !== undefined) await writeFile(join(folder, 'bundle.json'), JSON.stringify(manifest(graph, processing)));
  const path = processing === undefined ? join(folder, 'm.onnx') : folder;
  const server = await startServer({ path, port: 0, ...options });
  onTestFinished(() => server.close());
  return rigOf(server);
}

/** The same for a server that is there already. */
export function rigOf(server: RunningServer): Rig {
  const send = async (path: string, init: RequestInit): Promise<Answer> => {
    const response = await fetch(server.url + path, init);
    const bytes = Buffer.from(await response.arrayBuffer());
    return { status: response.status, headers: response.headers, bytes, json: parse(bytes) };
  };
  return {
    server,
    get: (path) => send(path, {}),
    post: (path, body, headers = {}) => {
      const isRaw = typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData;
      const type: Record<string, string> = body instanceof FormData ? {} : { 'content-type': 'application/json' };
      return send(path, { method: 'POST', body: isRaw ? (body as string) : JSON.stringify(body), headers: { ...type, ...headers } });
    },
  };
}

/** The value of one sample of the metrics page; undefined when there is none. */
export async function metric({ get }: Rig, sample: string): Promise<number | undefined> {
  const text = (await get('/metrics')).bytes.toString();
  const line = text.split('\n').find((candidate) => candidate.startsWith(`${sample} `));
  return line === undefined ? undefined : Number(line.slice(sample.length + 1));
}

function manifest(graph: GraphSpec, processing: ProcessingInput) {
  const ends = (specs: GraphSpec['inputs']) =>
    specs.map(({ name, dtype, shape }) => ({
      name,
      dtype,
      shape: (shape ?? []).map((dimension) => (typeof dimension === 'number' ? dimension : null)),
    }));
  return {
    format: 1,
    name: 'm',
    model: 'm.onnx',
    signature: { inputs: ends(graph.inputs), outputs: ends(graph.outputs) },
    processing: Processing.parse(processing),
    opset: 17,
    precision: 'float32',
    runtime: { name: 'onnxruntime-node', version: '1.30.0' },
  };
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
