import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import type { Finished, Rig, Running } from '../support/rig.ts';
import { type ServerKind, type StoreServer, startServer } from './servers.ts';

/**
 * A target whose services are files in a folder that all machines see. `apply` notes itself, and waits for the file `go-<service>` as long as
 * `wait-<service>` is there; a service answers as it should unless `bad` is in its name.
 */
const build = (name: string, service: string): string => `
  const world = process.env.WORLD as string;
  const at = (name: string) => join(world, name);
  const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything], check: async () => [],
    remove: async (ctx, service) => rmSync(at(service + '.json'), { force: true }),
    probe: async (_, live) => (String(live.url).includes('bad') ? { ok: false as const, why: 'answers nonsense' } : { ok: true as const }),
    read: async (ctx, service) => existsSync(at(service + '.json')) ? JSON.parse(readFileSync(at(service + '.json'), 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
    apply: async (ctx, want) => {
      const url = 'http://' + (want.revisions[0]?.what as any).facts.name;
      appendFileSync(at('begun.txt'), want.service + ' ' + url + '\\n');
      while (existsSync(at('wait-' + want.service)) && !existsSync(at('go-' + want.service))) await pause(5, undefined, { signal: ctx.signal });
      const live = { service: want.service, url, revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
      writeFileSync(at(want.service + '.json'), JSON.stringify(live));
      appendFileSync(at('applied.txt'), want.service + ' ' + url + '\\n');
      return live as any;
    } });
  const put = stage('put', async ({ live }) => ({ url: live.url }),
    { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: '${service}', slot: 'what' }) });
  const made = stage('made', async ({ options, out }) => { appendFileSync(at('made.txt'), options.name + '\\n'); writeFileSync(join(out, 'a.txt'), 'a'); return options; }, { options: { name: z.string() } });
  const what = made({ name: '${name}' });
  return { made: what, live: put({ what, target: (place as any)() }) };`;

export interface World {
  readonly server: StoreServer;
  readonly env: Readonly<Record<string, string>>;
  /** A machine of its own, whose configuration deploys `name` as `service`. */
  machine(name: string, service: string, more?: { readonly options?: string; readonly port?: number }): Rig;
  start(machine: Rig, args: readonly string[], env?: Readonly<Record<string, string>>): Running;
  run(machine: Rig, args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Finished>;
  path(name: string): string;
  lines(name: string): readonly string[];
}

/** Several machines, one store, and one world that they deploy to. */
export async function makeWorld(kind: ServerKind, canDelete = true): Promise<World> {
  const server = await startServer(kind, canDelete);
  const world = mkdtempSync(join(tmpdir(), 'modelflow-world-'));
  onTestFinished(() => rmSync(world, { recursive: true, force: true }));
  const env = { ...server.env, WORLD: world };
  const start: World['start'] = (machine, args, more = {}) => machine.start(args, { env: { ...env, ...more } });
  return {
    server,
    env,
    machine: (name, service, { options = '', port } = {}) => {
      const rig = ownStages(build(name, service));
      const text = rig.read('deploy.config.ts');
      rig.write(
        'deploy.config.ts',
        `import { oci, s3 } from 'modelflow';\n${text.replace("name: 'own',", `name: 'own', store: ${server.store(options, port)},`)}`,
      );
      return rig;
    },
    start,
    run: (machine, args, more) => start(machine, args, more).finished,
    path: (name) => join(world, name),
    lines(name) {
      try {
        return readFileSync(join(world, name), 'utf8').trim().split('\n');
      } catch {
        return [];
      }
    },
  };
}
