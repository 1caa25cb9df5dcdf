import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow } from '../support/rig.ts';
import { faultProxy } from './fault-proxy.ts';
import type { ServerKind } from './servers.ts';
import { makeWorld } from './world-rig.ts';

describe.each(['s3', 'oci'] as const)('between the CLI and a store in %s', (kind: ServerKind) => {
  it('latency, refusals for a moment and cut answers cost time and nothing else', async () => {
    const world = await makeWorld(kind);
    const proxy = await faultProxy(world.server.port);
    const { port } = proxy;
    proxy.fault = (number) => (number % 5 === 0 ? { status: 503 } : number % 7 === 0 ? { cutAfterBytes: 20 } : { delayMs: number % 3 });
    const run = await world.run(world.machine('one', 'svc', { port }), ['run']);
    expect(run).toMatchObject({ code: 0, stderr: expect.not.stringContaining('MF61') });
    const again = await world.run(world.machine('one', 'svc', { port }), ['run']);
    expect(again).toMatchObject({ code: 0, stderr: expect.not.stringContaining('MF61') });
    expect(world.lines('made.txt')).toEqual(['one']);
    expect(world.lines('applied.txt')).toEqual(['svc http://one']);
    expect(proxy.seen.length).toBeGreaterThan(20);
  });

  it('a store that is away is done without, except for deploying; what was made meanwhile is sent by the next run', async () => {
    const world = await makeWorld(kind);
    const proxy = await faultProxy(world.server.port);
    const machine = world.machine('one', 'svc', { port: proxy.port });
    proxy.isDown = true;
    const plan = await world.run(machine, ['plan']);
    expect(plan.code).toBe(0);
    expect(plan.stderr.match(/MF6102/g)).toHaveLength(1);
    const alone = await world.run(machine, ['run']);
    expect(alone.code).toBe(8);
    expect(alone.stderr).toContain('MF6101');
    expect(world.lines('made.txt')).toEqual(['one']);
    expect(world.lines('applied.txt')).toEqual([]);
    proxy.isDown = false;
    expect((await world.run(machine, ['run'])).code).toBe(0);
    expect((await world.run(world.machine('one', 'svc'), ['run'])).code).toBe(0);
    expect(world.lines('made.txt')).toEqual(['one']);
    expect(world.lines('applied.txt')).toEqual(['svc http://one']);
  });

  it('uploads that fail do not fail the run', async () => {
    const world = await makeWorld(kind);
    const proxy = await faultProxy(world.server.port);
    proxy.fault = (_, { method }) => (method === 'GET' || method === 'HEAD' ? undefined : { status: 403 });
    const machine = world.machine('one', 'svc', { port: proxy.port });
    const run = await world.run(machine, ['run', '--only', 'made']);
    expect(run).toMatchObject({ code: 0, stderr: expect.stringContaining('MF6108') });
    proxy.fault = () => undefined;
    await world.run(machine, ['run', '--only', 'made']);
    await world.run(world.machine('one', 'svc'), ['run', '--only', 'made']);
    expect(world.lines('made.txt')).toEqual(['one']);
  });

  it('wrong bytes are not used: the artifact is made again, for everybody', async () => {
    const world = await makeWorld(kind);
    await world.run(world.machine('one', 'svc'), ['run', '--only', 'made']);
    // The one object that holds the file of the artifact, whose bytes are `a`.
    for (const name of filesBelow(world.server.folder)) {
      const path = join(world.server.folder, name);
      const isArtifact = kind === 's3' ? name.startsWith('artifacts/') : name.includes('/blobs/') && name.endsWith('/data');
      const bytes = readFileSync(path);
      const at = bytes.indexOf('"facts"');
      if (isArtifact && at >= 0 && statSync(path).size < 5_000) {
        bytes[at + 1] = 'x'.charCodeAt(0);
        writeFileSync(path, bytes);
      }
    }
    const machine = world.machine('one', 'svc');
    const damaged = await world.run(machine, ['run']);
    expect(damaged.stderr).toContain('MF6107');
    expect(damaged.code).toBe(1);
    expect((await world.run(machine, ['run'])).code).toBe(0);
    expect(world.lines('made.txt')).toEqual(['one', 'one']);
    expect((await world.run(world.machine('one', 'svc'), ['run'])).code).toBe(0);
    expect(world.lines('made.txt')).toEqual(['one', 'one']);
  });
});

it('without the AWS SDK, the command that installs it is shown', async () => {
  const world = await makeWorld('s3');
  const machine = world.machine('one', 'svc');
  machine.write(
    'no-sdk.mjs',
    `import { registerHooks } from 'node:module';
     registerHooks({ resolve(specifier, context, next) {
       if (specifier.startsWith('@aws-sdk/')) throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
       return next(specifier, context);
     } });`,
  );
  const plan = await world.run(machine, ['plan'], { NODE_OPTIONS: `--import=${machine.path('no-sdk.mjs')}` });
  expect(plan.code).toBe(2);
  expect(plan.stderr).toContain('MF6106');
  expect(plan.stderr).toContain('npm install @aws-sdk/client-s3');
});

it('a bucket that is not there is a mistake, not an outage', async () => {
  const world = await makeWorld('s3');
  const machine = world.machine('one', 'svc');
  machine.write('deploy.config.ts', machine.read('deploy.config.ts').replace("bucket: 'models'", "bucket: 'modells'"));
  const plan = await world.run(machine, ['plan']);
  expect(plan.code).toBe(8);
  expect(plan.stderr).toContain('MF6101');
  expect(plan.stderr).toContain('there is no such bucket');
});
