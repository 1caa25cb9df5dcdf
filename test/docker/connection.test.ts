import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { ModelflowError } from '../../core/index.ts';
import { connectDocker } from '../../stages/lib/docker.ts';
import { testDocker } from '../support/engines.ts';

const docker = testDocker();
const never = new AbortController().signal;
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'modelflow-connection-'));
  for (const name of ['DOCKER_HOST', 'DOCKER_CONTEXT', 'DOCKER_TLS_VERIFY', 'DOCKER_CERT_PATH']) vi.stubEnv(name, undefined);
  vi.stubEnv('DOCKER_CONFIG', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

async function refusal(doing: Promise<unknown>): Promise<{ readonly code: string; readonly exit: number; readonly message: string }> {
  const error = await doing.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof ModelflowError)) throw new Error('expected a diagnostic', { cause: error });
  return { code: error.diagnostics[0]?.code ?? '', exit: error.exitCode, message: error.message };
}

function context(name: string, host: string): void {
  const at = join(folder, 'contexts', 'meta', createHash('sha256').update(name).digest('hex'));
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
}

test('no engine behind the socket is told as unreachable, with who named it', async () => {
  vi.stubEnv('DOCKER_HOST', `unix://${join(folder, 'none.sock')}`);
  const told = await refusal(connectDocker({}, never));
  expect(told).toMatchObject({ code: 'MF5002', exit: 8 });
  expect(told.message).toContain('(DOCKER_HOST) does not answer: there is no such socket');
});

test('an address of an unknown sort is refused before anything is tried', async () => {
  expect(await refusal(connectDocker({ host: 'docker.example.com' }, never))).toMatchObject({ code: 'MF5202', exit: 2 });
});

test('a context that is not there is named', async () => {
  vi.stubEnv('DOCKER_CONTEXT', 'staging');
  const told = await refusal(connectDocker({}, never));
  expect(told.code).toBe('MF5202');
  expect(told.message).toContain('`staging`');
});

test('the current context counts where nothing else is said', async () => {
  context('staging', `unix://${join(folder, 'staging.sock')}`);
  writeFileSync(join(folder, 'config.json'), JSON.stringify({ currentContext: 'staging' }));
  const told = await refusal(connectDocker({}, never));
  expect(told.message).toContain('staging.sock (the Docker context `staging`)');
});

test('an engine that speaks too old an API is named with its version', async () => {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ Version: '18.09.1', ApiVersion: '1.39', Os: 'linux', Arch: 'amd64' }));
  });
  const socket = join(folder, 'old.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  const told = await refusal(connectDocker({ host: `unix://${socket}` }, never));
  expect(told).toMatchObject({ code: 'MF5201', exit: 2 });
  expect(told.message).toContain('18.09.1');
});

test('what ssh has to say is said', async () => {
  const path = join(folder, 'ssh');
  writeFileSync(path, '#!/bin/sh\necho "Host key verification failed." >&2\nexit 255\n');
  chmodSync(path, 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`);
  const told = await refusal(connectDocker({ host: 'ssh://somebody@machine' }, never));
  expect(told.code).toBe('MF5002');
  expect(told.message).toContain('Host key verification failed.');
});

describe.skipIf(docker === undefined)('with a Docker engine', () => {
  const host = docker ?? '';

  test('the setting goes before the environment', async () => {
    vi.stubEnv('DOCKER_HOST', 'tcp://127.0.0.1:1');
    const engine = await connectDocker({ host }, never);
    expect(engine.platform).toMatch(/^linux\//);
    expect(engine.endpoint.from).toBe('the setting `engine`');
  });

  test('an engine is reached through ssh, as often as it is asked, with the options that ssh was given', async () => {
    const path = join(folder, 'ssh');
    const words = join(folder, 'words');
    const pipe = `const s=require('net').connect(${JSON.stringify(host.replace('unix://', ''))});process.stdin.pipe(s).pipe(process.stdout)`;
    writeFileSync(path, `#!/bin/sh\necho "$@" >> ${words}\nexec ${process.execPath} -e "${pipe.replaceAll('"', '\\"')}"\n`);
    chmodSync(path, 0o755);
    vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`);
    const engine = await connectDocker({ host: 'ssh://somebody@machine:2222' }, never);
    onTestFinished(() => engine.close());
    const all = await Promise.all([1, 2, 3].map(() => engine.api.listContainers({ all: true })));
    expect(all.every(Array.isArray)).toBe(true);
    expect(readFileSync(words, 'utf8').split('\n')[0]).toBe(
      '-o BatchMode=yes -o ConnectTimeout=15 -p 2222 -- somebody@machine docker system dial-stdio',
    );
  });
});
