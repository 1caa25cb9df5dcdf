import { chmodSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { delimiter } from 'node:path';
import { expect, it } from 'vitest';
import { type Fault, type FaultProxy, faultProxy } from './fault-proxy.ts';
import { makeWorld, type World } from './world-rig.ts';

const basic = `Basic ${Buffer.from('ada:pass:word').toString('base64')}`;

/** A real registry that lets in who has a token, and gives tokens to Ada. */
async function guarded(world: World): Promise<FaultProxy> {
  const proxy = await faultProxy(world.server.port);
  const challenge = `Bearer realm="http://127.0.0.1:${proxy.port}/token",service="registry",scope="repository:team/models:pull"`;
  const answer = (_: number, { url, headers }: IncomingMessage): Fault | undefined => {
    if (url?.startsWith('/token'))
      return headers.authorization === basic ? { status: 200, body: JSON.stringify({ token: 'let-in' }) } : { status: 401 };
    return headers.authorization === 'Bearer let-in' ? undefined : { status: 401, headers: { 'www-authenticate': challenge } };
  };
  proxy.fault = answer;
  return proxy;
}

it('credentials of docker login open a registry, and nobody else is let in', async () => {
  const world = await makeWorld('oci');
  const { port } = await guarded(world);
  const machine = world.machine('one', 'svc', { port });
  const stranger = await world.run(machine, ['plan'], { DOCKER_CONFIG: machine.path('none') });
  expect(stranger.code).toBe(0);
  expect(stranger.stderr).toContain('refuses us');
  const auths = { [`127.0.0.1:${port}`]: { auth: Buffer.from('ada:pass:word').toString('base64') } };
  machine.write('docker/config.json', JSON.stringify({ auths }));
  const run = await world.run(machine, ['run'], { DOCKER_CONFIG: machine.path('docker') });
  expect(run).toMatchObject({ code: 0, stderr: expect.not.stringContaining('MF61') });
  expect(run.stdout + run.stderr).not.toContain('let-in');
});

it('so do those that a credential helper has', async () => {
  const world = await makeWorld('oci');
  const { port } = await guarded(world);
  const machine = world.machine('one', 'svc', { port });
  machine.write('docker/config.json', JSON.stringify({ credHelpers: { [`127.0.0.1:${port}`]: 'test' } }));
  machine.write(
    'bin/docker-credential-test',
    `#!/bin/sh\nread -r server\ntest "$1" = get && test "$server" = 127.0.0.1:${port} && echo '{"Username":"ada","Secret":"pass:word"}'\n`,
  );
  chmodSync(machine.path('bin/docker-credential-test'), 0o755);
  const env = { DOCKER_CONFIG: machine.path('docker'), PATH: `${machine.path('bin')}${delimiter}${process.env['PATH']}` };
  expect(await world.run(machine, ['run'], env)).toMatchObject({ code: 0, stderr: expect.not.stringContaining('MF61') });
});

it('a registry that deletes nothing does as well', async () => {
  const world = await makeWorld('oci', false);
  for (const name of ['one', 'two', 'one'])
    expect((await world.run(world.machine(name, 'svc', { options: ', leaseWaitMs: 0' }), ['run'])).code).toBe(0);
  expect(world.lines('applied.txt')).toEqual(['svc http://one', 'svc http://two', 'svc http://one']);
  expect(world.lines('made.txt')).toEqual(['one', 'two']);
});
