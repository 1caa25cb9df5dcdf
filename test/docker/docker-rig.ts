import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import type { Artifact, DesiredRevision, LiveService, Log, LogLine, Ref, TrafficReport } from '../../core/index.ts';
import { fixture } from '../../core/testing/index.ts';
import { diskFile, textFile } from '../../stages/containerize/entry.ts';
import { buildImage } from '../../stages/containerize/image.ts';
import { docker } from '../../stages/deploy/targets/docker.ts';
import { OciImage } from '../../stages/kinds.ts';
import { connectDocker, type Engine } from '../../stages/lib/docker.ts';
import { testDocker } from '../support/engines.ts';

type Settings = NonNullable<Parameters<typeof docker>[0]>;
export type Image = Artifact<typeof OciImage>;
type Mode = 'ok' | 'exits' | 'eats' | 'never-ready';

const standIn = new URL('./fixtures/stand-in.cjs', import.meta.url).pathname;
const never = new AbortController().signal;
let count = 0;

/** A service in the test engine, all of its own; `close` leaves nothing of it. */
export class DockerRig {
  readonly service: string;
  readonly lines: string[] = [];
  readonly engine: Engine;
  readonly #folder: string;
  readonly #log: Log;

  private constructor(engine: Engine, folder: string) {
    this.engine = engine;
    this.#folder = folder;
    this.service = `docker-${process.pid}-${count++}`;
    this.#log = { info: (line) => this.lines.push(line), warn: (line) => this.lines.push(line), progress: () => {} };
  }

  static async open(): Promise<DockerRig> {
    const engine = await connectDocker({ host: testDocker() }, never);
    return new DockerRig(engine, await mkdtemp(join(tmpdir(), 'modelflow-docker-rig-')));
  }

  /** An image with a stand-in server, which says `label` and behaves as `mode` says. */
  async image(label: string, mode: Mode = 'ok'): Promise<Image> {
    const path = await mkdtemp(join(this.#folder, 'image-'));
    const built = await buildImage(
      path,
      {
        name: `docker-test/${label}`,
        base: 'host',
        layers: async () => [
          ['app', [await diskFile('app/stand-in.cjs', standIn)]],
          ['model', [textFile('app/behaviour.json', JSON.stringify({ label, mode }))]],
        ],
        config: ({ architecture, env, node }) => ({
          architecture,
          user: '65532:65532',
          env,
          entrypoint: [node, '/app/stand-in.cjs'],
          command: [],
          workingFolder: '/app',
          port: 8080,
          labels: {},
          healthCheck: [node, '-e', '0'],
        }),
      },
      { signal: never, log: this.#log },
    );
    const facts = { ...built, model: { name: label, precision: 'float32' }, port: 8080, user: '65532:65532' };
    return { kind: 'oci-image', digest: built.digest.slice(7), path, facts } as Image;
  }

  /** The same for a suite, which makes it itself. */
  async release(label: string): Promise<Ref<typeof OciImage>> {
    const { path, facts } = await this.image(label);
    const names = await readdir(join(path, 'oci'), { recursive: true, withFileTypes: true });
    const files = names.flatMap((each) => (each.isFile() ? [relative(path, join(each.parentPath, each.name))] : []));
    const content = await Promise.all(files.map(async (name) => [name, await readFile(join(path, name))] as const));
    return fixture(OciImage, facts, Object.fromEntries(content));
  }

  target(settings: Settings = {}): ReturnType<typeof docker> {
    return docker({ port: 0, engine: { host: this.engine.endpoint.url }, ...settings });
  }

  context(settings: Settings = {}, signal: AbortSignal = never) {
    return { settings: this.target(settings).settings, signal, log: this.#log, stateFolder: this.#folder };
  }

  apply(
    revisions: readonly DesiredRevision[] | readonly [Image, string],
    settings: Settings = {},
    given: { have?: LiveService; signal?: AbortSignal } = {},
  ): Promise<LiveService> {
    const { def } = this.target(settings);
    const context = this.context(settings, given.signal);
    const [what, stamp] = revisions;
    const list = typeof stamp === 'string' ? [{ stamp, weight: 100, what: what as Artifact }] : (revisions as readonly DesiredRevision[]);
    const act = async () => def.apply(context, { service: this.service, revisions: list }, given.have ?? (await this.read()));
    return act();
  }

  read(): Promise<LiveService> {
    return this.target().def.read(this.context(), this.service);
  }

  check(settings: Settings = {}) {
    return this.target(settings).def.check(this.context(settings), this.service);
  }

  async probe() {
    return this.target().def.probe(this.context(), await this.read());
  }

  remove(): Promise<void> {
    return this.target().def.remove(this.context(), this.service);
  }

  async ask(
    live: LiveService,
    path = '/predict',
  ): Promise<{ readonly label: string; readonly secret: string | null; readonly user: number }> {
    return new Promise((resolve, reject) => {
      get(new URL(path, live.url), { agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => {
          text += piece;
        });
        answer.on('end', () => (answer.statusCode === 200 ? resolve(JSON.parse(text)) : reject(new Error(`${answer.statusCode} ${text}`))));
      }).on('error', reject);
    });
  }

  observe(): Promise<TrafficReport> {
    return this.target().def.observe?.(this.context(), this.service) ?? Promise.resolve({ sources: [] });
  }

  follow(signal: AbortSignal): AsyncIterable<LogLine> {
    const { def } = this.target();
    return def.logs?.(this.context({}, signal), this.service, { follow: true, lines: 10 }) ?? (async function* () {})();
  }

  /** By what its name ends with. */
  container(name: string): ReturnType<Engine['api']['getContainer']> {
    return this.engine.api.getContainer(`modelflow-${this.service}-${name}`);
  }

  /** The tags under which the engine keeps releases, newest first. */
  async images(): Promise<readonly string[]> {
    const filters = JSON.stringify({ reference: [`modelflow/${this.service}:*`] });
    const found = await this.engine.api.listImages({ filters });
    return found
      .flatMap(({ RepoTags }) => (RepoTags ?? []).map((tag) => tag.split(':')[1] ?? ''))
      .sort()
      .reverse();
  }

  /** Names of the containers of the service, with those that do not run. */
  async containers(): Promise<readonly string[]> {
    const filters = JSON.stringify({ label: [`modelflow.service=${this.service}`] });
    const found = await this.engine.api.listContainers({ all: true, filters });
    return found.map(({ Names }) => Names[0]?.slice(1).replace(`modelflow-${this.service}-`, '') ?? '').sort();
  }

  async close(): Promise<void> {
    await this.remove();
    this.engine.close();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

export const stamps = { a: 'a'.repeat(64), b: 'b'.repeat(64), c: 'c'.repeat(64) } as const;
