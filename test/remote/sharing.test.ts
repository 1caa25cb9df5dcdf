import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, makeRig, type Rig, stagesModule } from '../support/rig.ts';
import { type ServerKind, type StoreServer, startServer } from './servers.ts';

const config = (store: string, build: string): string => `
import { definePipeline, oci, s3 } from 'modelflow';
import { first, source, upper } from './stages';
export default definePipeline({ name: 'letters', profiles: ['dev', 'other'], store: ${store}, build: () => { ${build} } });
`;
const chain = (suffix = '!', more = ''): string => `
  const text = source({ path: './a.txt' });
  const big = upper({ text, suffix: '${suffix}' ${more} });
  return { text, big, initial: first({ text: big }) };`;

/** A machine with the repository checked out. */
const clone = (store: string, build = chain()): Rig =>
  makeRig({ 'a.txt': 'hello\n', 'stages.ts': stagesModule, 'deploy.config.ts': config(store, build) });

const cli = (rig: Rig, server: StoreServer, args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  rig.start(args, { env: { ...server.env, ...env } });
const done = (...given: Parameters<typeof cli>) => cli(...given).finished;

describe.each(['s3', 'oci'] as const)('with a store in %s', (kind: ServerKind) => {
  it('what one machine has made, another does not make again, and a plan fetches none of its files', async () => {
    const server = await startServer(kind);
    const [here, there] = [clone(server.store()), clone(server.store())];
    const made = await done(here, server, ['run']);
    expect(made).toMatchObject({ code: 0 });
    const plan = await done(there, server, ['plan']);
    expect(plan.stderr).toBe('');
    expect(plan.stdout.match(/= reuse/g)).toHaveLength(3);
    expect(filesBelow(there.path('.modelflow'))).toEqual([]);
    const run = await done(there, server, ['run']);
    expect(run).toMatchObject({ code: 0 });
    expect(run.stderr).toContain('3 reused');
    expect(there.notes()).toEqual([]);
    expect(filesBelow(there.path('.modelflow/artifacts'))).toEqual([]);
    const path = await done(there, server, ['inspect', 'big', '--path']);
    expect(there.read(join(path.stdout.trim().slice(there.root.length + 1), 'text.txt'))).toBe('HELLO!');
  });

  it('another machine makes only what has changed, of inputs that it fetches', async () => {
    const server = await startServer(kind);
    const [here, there] = [clone(server.store()), clone(server.store(), chain('?'))];
    await done(here, server, ['run']);
    const plan = await done(there, server, ['plan']);
    expect(plan.stdout).toMatch(/option `suffix` changed: "!" -> "\?"/);
    expect(await done(there, server, ['run'])).toMatchObject({ code: 0 });
    expect(there.notes()).toEqual(['upper HELLO?', 'first H']);
  });
});
