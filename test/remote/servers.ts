import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A real server that a test started, and what a configuration and the CLI need to use it. */
export interface StoreServer {
  readonly port: number;
  /** The `store` of a configuration that uses the server, or a proxy before it, at this port. */
  store(more?: string, port?: number): string;
  readonly env: Readonly<Record<string, string>>;
  /** Where the server keeps its bytes. */
  readonly folder: string;
}

export type ServerKind = 's3' | 'oci';

export async function startServer(kind: ServerKind, canDelete = true): Promise<StoreServer> {
  const root = mkdtempSync(join(tmpdir(), 'modelflow-server-'));
  const port = await freePort();
  const server = kind === 's3' ? s3Server(root, port) : registry(root, port, canDelete);
  onTestFinished(async () => {
    server.child.kill('SIGKILL');
    await new Promise((resolve) =>
      server.child.exitCode === null && server.child.signalCode === null ? server.child.on('exit', resolve) : resolve(0),
    );
    rmSync(root, { recursive: true, force: true });
  });
  await answers(port, server.child);
  return { port, ...server };
}

type Started = Omit<StoreServer, 'port'> & { readonly child: ChildProcess };

/** versitygw with one bucket, `models`, in a folder. `.ci/daemons` puts the program where it is looked for. */
function s3Server(root: string, port: number): Started {
  const folder = join(root, 'data');
  mkdirSync(join(folder, 'models'), { recursive: true });
  const env = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test-secret', AWS_EC2_METADATA_DISABLED: 'true' };
  const args = ['--port', `127.0.0.1:${port}`, '--access', 'test', '--secret', 'test-secret', '--region', 'us-east-1', 'posix', folder];
  const child = spawn(versitygw(), args, { stdio: 'ignore', cwd: root });
  return {
    child,
    folder: join(folder, 'models'),
    env,
    store: (more = '', at = port) => `s3({ bucket: 'models', endpoint: 'http://127.0.0.1:${at}', region: 'us-east-1' ${more} })`,
  };
}

function versitygw(): string {
  const installed = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'modelflow-test', 'bin', 'versitygw');
  return existsSync(installed) ? installed : 'versitygw';
}

/** Debian's docker-registry. */
function registry(root: string, port: number, canDelete: boolean): Started {
  const folder = join(root, 'data');
  const config = join(root, 'config.yml');
  writeFileSync(
    config,
    `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${folder}\n  delete:\n    enabled: ${canDelete}\nhttp:\n  addr: 127.0.0.1:${port}\n`,
  );
  const child = spawn('docker-registry', ['serve', config], { stdio: 'ignore', cwd: root });
  return {
    child,
    folder,
    env: { DOCKER_CONFIG: root },
    store: (more = '', at = port) => `oci({ repository: '127.0.0.1:${at}/team/models', insecure: true ${more} })`,
  };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 0;
}

/** A server says nothing when it is ready: it is asked until it answers, or has ended. */
async function answers(port: number, child: ChildProcess): Promise<void> {
  const ended = new Promise<never>((_, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the server ended with ${code} before it was ready`)));
  });
  ended.catch(() => undefined);
  const asked = async (): Promise<void> => {
    for (;;) {
      const isThere = await fetch(`http://127.0.0.1:${port}/v2/`).then(
        () => true,
        () => false,
      );
      if (isThere) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  await Promise.race([asked(), ended]);
}
