import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished, vi } from 'vitest';
import { openRegistry, type Registry } from '../../core/index.ts';
import { type Fault, type FaultProxy, faultProxy } from '../remote/fault-proxy.ts';
import { freePort, startServer } from '../remote/servers.ts';
import { makeLayout, temporaryFolder } from './layouts.ts';

const { signal } = new AbortController();
const open = (port: number, name = 'acme/digits'): Promise<Registry> => openRegistry({ repository: `127.0.0.1:${port}/${name}`, signal });
afterEach(() => vi.unstubAllEnvs());

/** What `docker login` leaves behind. */
function loggedIn(port: number, login: string): void {
  const folder = temporaryFolder();
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({ auths: { [`127.0.0.1:${port}`]: { auth: Buffer.from(login).toString('base64') } } }),
  );
  vi.stubEnv('DOCKER_CONFIG', folder);
}

/** A real registry behind a server of tokens that gives Ada what she asks for, and each token for a few requests only. */
async function withTokens(): Promise<FaultProxy & { readonly scopes: string[] }> {
  const server = await startServer('oci');
  const proxy = await faultProxy(server.port);
  const scopes: string[] = [];
  let [issued, left] = [0, 0];
  const basic = `Basic ${Buffer.from('ada:pass:word').toString('base64')}`;
  const challenge = `Bearer realm="http://127.0.0.1:${proxy.port}/token",service="registry",scope="repository:acme/digits:pull"`;
  proxy.fault = (_: number, { url = '', headers }: IncomingMessage): Fault | undefined => {
    if (url.startsWith('/token')) {
      if (headers.authorization !== basic) return { status: 401 };
      scopes.push(...new URL(url, 'http://x').searchParams.getAll('scope'));
      [issued, left] = [issued + 1, 5];
      return { status: 200, body: JSON.stringify({ token: `token-${issued}` }) };
    }
    if (headers.authorization === `Bearer token-${issued}` && left-- > 0) return undefined;
    return { status: 401, headers: { 'www-authenticate': challenge } };
  };
  return Object.assign(proxy, { scopes });
}

it('tokens are asked for with the scopes of all that is touched, and again whenever one has run out', async () => {
  const proxy = await withTokens();
  loggedIn(proxy.port, 'ada:pass:word');
  const layout = makeLayout(['one', 'two', 'three']);
  await (await open(proxy.port)).pushLayout({ folder: layout.folder, tags: ['1'] });
  const other = await (await open(proxy.port, 'acme/letters')).pushLayout({
    folder: layout.folder,
    tags: ['1'],
    mountFrom: [`127.0.0.1:${proxy.port}/acme/digits`],
  });
  expect(other).toMatchObject({ sentBytes: 0, skippedBytes: 0 });
  expect(proxy.scopes).toContain('repository:acme/digits:pull,push');
  expect(proxy.scopes).toContain('repository:acme/letters:pull,push');
  expect(proxy.scopes).toContain('repository:acme/digits:pull');
});

it('who is not let in is told what was shown, and never the password', async () => {
  const proxy = await withTokens();
  loggedIn(proxy.port, 'eve:wrong-password');
  const registry = await open(proxy.port);
  const refused = await registry.resolve('1').catch((error: Error) => error.message);
  expect(refused).toMatch(
    /^MF3240: 127\.0\.0\.1:\d+ does not let us in to ask for .*acme\/digits:1: .*HTTP 401.* Shown: the login of eve in .*config\.json/,
  );
  expect(refused).not.toContain('wrong-password');
  vi.stubEnv('DOCKER_CONFIG', temporaryFolder());
  await expect((await open(proxy.port)).resolve('1')).rejects.toThrow(/MF3240: .* Shown: no credentials: .*config\.json has none for 127/);
});

it('names and passwords open a registry that asks for them', async () => {
  const port = await freePort();
  const root = mkdtempSync(join(tmpdir(), 'modelflow-htpasswd-'));
  // ada, pass:word, as `htpasswd -nbB` writes it.
  writeFileSync(join(root, 'users'), 'ada:$2b$04$4GVRz6RkTOjsby0pvniXjuwj28622jnnWQvwM7rXArvxpJi2FtEn6\n');
  const config = `version: 0.1\nlog:\n  level: error\nstorage:\n  inmemory:\nauth:\n  htpasswd:\n    realm: acme\n    path: ${join(root, 'users')}\nhttp:\n  addr: 127.0.0.1:${port}\n`;
  writeFileSync(join(root, 'config.yml'), config);
  const child: ChildProcess = spawn('docker-registry', ['serve', join(root, 'config.yml')], { stdio: 'ignore', cwd: root });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(root, { recursive: true, force: true });
  });
  await vi.waitFor(() => fetch(`http://127.0.0.1:${port}/v2/`), { timeout: 20_000 });
  loggedIn(port, 'ada:pass:word');
  const layout = makeLayout(['one']);
  const registry = await open(port);
  await registry.pushLayout({ folder: layout.folder, tags: ['1'] });
  expect(await registry.resolve('1')).toBe(layout.digest);
  loggedIn(port, 'ada:another');
  await expect((await open(port)).resolve('1')).rejects.toThrow('MF3240');
});

it('what is not there, is no name, is too much and is not answered are told apart', async () => {
  const server = await startServer('oci');
  const proxy = await faultProxy(server.port);
  const registry = await open(proxy.port);
  await expect(registry.resolve('none')).rejects.toThrow(/MF3241: .*acme\/digits:none: no such tag/);
  await expect(openRegistry({ repository: 'ghcr.io/Acme/digits', signal })).rejects.toThrow(/MF3242: .*`Acme\/digits` is no repository/);
  proxy.fault = () => ({ status: 429, headers: { 'retry-after': '0' } });
  await expect(registry.resolve('1')).rejects.toThrow('MF3243');
  proxy.fault = () => undefined;
  proxy.isDown = true;
  await expect(registry.resolve('1')).rejects.toThrow('MF3244');
});

it('without TLS that is trusted nothing is said, and how to say otherwise is', async () => {
  const key = execFileSync(
    'openssl',
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout - -subj /CN=localhost -days 1'.split(' '),
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const server = createServer({ key, cert: key }, (_, answer) => answer.end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const secure = await openRegistry({ repository: `127.0.0.1:${port}/acme/digits`, signal, insecure: false });
  await expect(secure.resolve('1')).rejects.toThrow(/MF3247: .*self-signed/);
  const plain = await startServer('oci');
  const wrong = await openRegistry({ repository: `127.0.0.1:${plain.port}/acme/digits`, signal, insecure: false });
  await expect(wrong.resolve('1')).rejects.toThrow('MF3247');
});

it('a registry that sends other bytes than it announced leaves no layout behind', async () => {
  const server = await startServer('oci');
  const layout = makeLayout(['one']);
  await (await open(server.port)).pushLayout({ folder: layout.folder, tags: ['1'] });
  const proxy = await faultProxy(server.port);
  const [layer = ''] = layout.layers;
  proxy.fault = (_, { url = '' }) =>
    url.endsWith(layer) ? { status: 200, headers: { 'content-length': '11' }, body: 'other bytes' } : undefined;
  const into = temporaryFolder();
  const registry = await open(proxy.port);
  await expect(registry.pull('1', 'linux/amd64', into)).rejects.toThrow('MF3245');
  await expect(registry.pushLayout({ folder: into, tags: [] })).rejects.toThrow('MF3249');
});
