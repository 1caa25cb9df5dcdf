import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Artifact, DesiredService, LiveService, Log, LogLine, TrafficReport } from '../../core/index.ts';
import { BundleManifest, runtimeVersion } from '../../core/serve/index.ts';
import { isRunning } from '../../stages/deploy/local/identity.ts';
import { readSupervisor } from '../../stages/deploy/local/state.ts';
import { local, localWith } from '../../stages/deploy/targets/local.ts';
import type { ServingBundle } from '../../stages/kinds.ts';
import { linear } from '../serve/example-models.ts';
import { onnxModel } from '../serve/onnx-model.ts';

export type Bundle = Artifact<typeof ServingBundle>;
type Settings = Parameters<ReturnType<typeof localWith>>[0];
export const standIn = fileURLToPath(new URL('./stand-in-server.mjs', import.meta.url));

/** A state folder and a service on the local target, all of its own; `close` leaves no process and no file. */
export class ServiceRig {
  readonly folder: string;
  readonly lines: string[] = [];
  service = 'digits';
  entry: string | undefined = standIn;
  #count = 0;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async open(deeper = ''): Promise<ServiceRig> {
    return new ServiceRig(join(await realpath(await mkdtemp(join(tmpdir(), 'mf-deploy-'))), deeper));
  }

  get state(): string {
    return join(this.folder, 'targets', this.service);
  }

  log: Log = { info: (line) => this.lines.push(line), warn: (line) => this.lines.push(line), progress: () => {} };

  /** A bundle for the stand-in server. */
  async bundle(label: string, mode = 'ok'): Promise<Bundle> {
    const path = join(this.folder, `bundle-${this.#count++}`);
    await mkdir(join(path, 'oci'), { recursive: true });
    await writeFile(join(path, 'behaviour.json'), JSON.stringify({ label, mode }));
    await writeFile(join(path, 'oci', 'index.json'), '{}');
    return asBundle(path);
  }

  /** A bundle for the real server: y = x · [[1, 2], [3, 4], [5, 6]] + [0.5, −0.5], where x is half of the raw values. */
  async realBundle(model: Uint8Array = onnxModel(linear())): Promise<Bundle> {
    const path = join(this.folder, `bundle-${this.#count++}`);
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'model.onnx'), model);
    const tensor = (name: string, columns: number) => ({ name, dtype: 'float32', shape: [null, columns] });
    const manifest = BundleManifest.parse({
      format: 1,
      name: 'bundled',
      model: 'model.onnx',
      signature: { inputs: [tensor('x', 3)], outputs: [tensor('y', 2)] },
      processing: { input: { scale: 0.5 } },
      opset: 17,
      precision: 'float32',
      runtime: { name: 'onnxruntime-node', version: runtimeVersion() },
    });
    await writeFile(join(path, 'bundle.json'), JSON.stringify(manifest));
    return asBundle(path);
  }

  target(settings: Settings = {}) {
    return (this.entry === undefined ? local : localWith(this.entry))({ port: 0, ...settings });
  }

  context(settings: Settings = {}, signal: AbortSignal = new AbortController().signal) {
    return { settings: this.target(settings).settings, signal, log: this.log, stateFolder: join(this.folder, 'targets') };
  }

  async apply(
    what: Bundle,
    stamp: string,
    settings: Settings = {},
    given: { have?: LiveService; signal?: AbortSignal } = {},
  ): Promise<LiveService> {
    const { def } = this.target(settings);
    const context = this.context(settings, given.signal);
    const want: DesiredService = { service: this.service, revisions: [{ stamp, weight: 100, what: what as Artifact }] };
    return def.apply(context, want, given.have ?? (await def.read(context, this.service)));
  }

  /** Several releases at once. */
  async split(
    revisions: readonly { readonly what: Bundle; readonly stamp: string; readonly weight: number; readonly mirror?: number }[],
    settings: Settings = {},
  ): Promise<LiveService> {
    const { def } = this.target(settings);
    const context = this.context(settings);
    return def.apply(context, { service: this.service, revisions: revisions as DesiredService['revisions'] }, await this.read());
  }

  async observe(): Promise<TrafficReport> {
    const { def } = this.target();
    return (await def.observe?.(this.context(), this.service)) ?? { sources: [] };
  }

  read(): Promise<LiveService> {
    return this.target().def.read(this.context(), this.service);
  }

  check(settings: Settings = {}) {
    return this.target(settings).def.check(this.context(settings), this.service);
  }

  probe(live: LiveService) {
    return this.target().def.probe(this.context(), live);
  }

  remove(): Promise<void> {
    return this.target().def.remove(this.context(), this.service);
  }

  async logs(): Promise<readonly LogLine[]> {
    const lines: LogLine[] = [];
    for await (const line of this.follow({ follow: false, lines: 1000 })) lines.push(line);
    return lines;
  }

  follow(given: { readonly follow: boolean; readonly lines: number }, signal?: AbortSignal): AsyncIterable<LogLine> {
    const { def } = this.target();
    return def.logs?.(this.context({}, signal), this.service, given) ?? (async function* () {})();
  }

  /** Resolves when a line of the service's log matches: the log tells of everything that happens, so nobody needs to poll. */
  async logged(pattern: RegExp): Promise<LogLine> {
    const done = new AbortController();
    try {
      for await (const line of this.follow({ follow: true, lines: 1000 }, done.signal)) if (pattern.test(line.line)) return line;
    } finally {
      done.abort();
    }
    throw new Error(`the log ended without ${pattern}`);
  }

  async supervisorPid(): Promise<number> {
    const record = await readSupervisor(this.state);
    if (record === undefined || !(await isRunning(record))) throw new Error('no supervisor runs');
    return record.pid;
  }

  async close(): Promise<void> {
    for (const service of new Set([this.service, 'digits'])) {
      this.service = service;
      await this.remove();
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

export function asBundle(path: string): Bundle {
  const facts = { name: 'digits', model: 'model.onnx', precision: 'float32', runtimeVersion: '1', sizeBytes: 1, ociDigest: 'sha256:0' };
  return { kind: 'serving-bundle', digest: '0'.repeat(64), path, sizeBytes: 1, facts };
}

export interface Answer {
  readonly status: number;
  readonly label: string;
  readonly version: string;
  readonly pid: number;
}

/** One request over a connection of its own. */
export function call(url: string | undefined, path = '/'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get(`${url}${path}`, { agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, ...JSON.parse(text || '{}') }));
    }).on('error', reject);
  });
}
