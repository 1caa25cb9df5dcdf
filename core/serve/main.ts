import { readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import type { Socket } from 'node:net';
import { parseArgs } from 'node:util';
import { createService, type ListenOptions, startServer } from './start.ts';

// The process that serves one model. Started with a channel (fork) it is given connections and told when to drain; started alone it listens.

type FromSupervisor = { readonly type: 'connection' } | { readonly type: 'let-go' } | { readonly type: 'drain' };

try {
  const options = readArguments(process.argv.slice(2));
  if (process.send === undefined) await serveAlone(options);
  else await serveSupervised(options);
} catch (cause) {
  const message = cause instanceof Error ? cause.message : String(cause);
  log(message);
  process.exitCode = 1;
  if (process.send === undefined) process.exit();
  process.send({ type: 'failed', message }, () => process.exit());
}

async function serveSupervised(options: ListenOptions): Promise<void> {
  // Connections may come before the model is loaded, and none may be lost.
  const early: Socket[] = [];
  let accept = (socket: Socket): void => {
    early.push(socket);
  };
  let letGo = (): void => {};
  let drain: (() => Promise<void>) | undefined;
  let isDrainWanted = false;
  const end = (): void => {
    isDrainWanted = true;
    void drain?.().then(exitDrained);
    drain = undefined;
  };
  process.on('message', (message: FromSupervisor, socket: Socket | undefined) => {
    if (message.type === 'drain') end();
    else if (message.type === 'let-go') letGo();
    // The client may have gone on the way here: then there is no socket.
    else if (message.type === 'connection' && socket !== undefined) accept(socket);
  });
  process.on('disconnect', end);
  // A terminal sends the signal to the whole group; the supervisor decides what it means for this process.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', end);
  const service = await createService(options);
  ({ accept, letGo } = service);
  for (const socket of early) accept(socket);
  drain = () => service.drain();
  log(`serving ${service.name} version ${service.version}, inference on the ${service.where} thread`);
  process.send?.({ type: 'ready' });
  if (isDrainWanted) end();
}

function exitDrained(): void {
  if (process.send === undefined || !process.connected) process.exit(0);
  process.send({ type: 'drained' }, () => process.exit(0));
}

async function serveAlone(options: ListenOptions): Promise<void> {
  const server = await startServer(options);
  log(`serving ${server.name} version ${server.version} at ${server.url}, inference on the ${server.where} thread`);
  let isStopping = false;
  const stop = (idleGraceMs: number, lingerMs: number): void => {
    // Asked twice: now.
    if (isStopping) process.exit(130);
    isStopping = true;
    void server.drain({ idleGraceMs, lingerMs }).then(() => process.exit(0));
  };
  process.on('SIGTERM', () => stop(5_000, 2_000));
  // Somebody sits in front of it and waits.
  process.on('SIGINT', () => stop(0, 0));
}

function readArguments(args: readonly string[]): ListenOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      bundle: { type: 'string' },
      name: { type: 'string' },
      version: { type: 'string' },
      host: { type: 'string' },
      port: { type: 'string' },
      threads: { type: 'string' },
      'max-queue': { type: 'string' },
      'max-body-bytes': { type: 'string' },
      'deadline-ms': { type: 'string' },
    },
  });
  // Some platforms start every container with this one word.
  const unknown = positionals.find((each) => each !== 'serve');
  if (unknown !== undefined) throw new Error(`Unexpected argument '${unknown}'`);
  if (values.bundle === undefined) throw new Error('--bundle DIR is missing: a serving bundle, or an ONNX file');
  const number = (name: 'port' | 'threads' | 'max-queue' | 'max-body-bytes' | 'deadline-ms', least: number): number | undefined => {
    const text = values[name] ?? (name === 'port' ? process.env['PORT'] : undefined);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (!Number.isInteger(value) || value < least) throw new Error(`--${name} must be a whole number from ${least}, not ${text}`);
    return value;
  };
  return {
    path: values.bundle,
    log,
    ...given('serverVersion', ownVersion()),
    ...given('name', values.name),
    ...given('version', values.version),
    ...given('host', values.host),
    ...given('port', number('port', 0)),
    ...given('threads', number('threads', 1)),
    ...given('maxQueue', number('max-queue', 1)),
    ...given('maxBodyBytes', number('max-body-bytes', 1)),
    ...given('deadlineMs', number('deadline-ms', 1)),
  };
}

/** The version of the modelflow that this file came with; undefined where it was shipped alone. */
function ownVersion(): string | undefined {
  const manifest = findPackageJSON(import.meta.url);
  if (manifest === undefined) return undefined;
  const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name?: string; readonly version?: string };
  return name === 'modelflow' ? version : undefined;
}

function given<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}
