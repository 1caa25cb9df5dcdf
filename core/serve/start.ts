import { createServer, type Server, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { findServable } from './bundle.ts';
import type { DrainTimes } from './connections.ts';
import { coresOfProcess } from './cores.ts';
import type { Signature } from './facts.ts';
import { createHttpServer, type HttpServer } from './http-server.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { ServedModel } from './served-model.ts';
import { runtimeVersion } from './session.ts';

/** What is served and how; everything but the path has a default. */
export interface ServeOptions {
  /** A serving bundle (folder), or an ONNX file. */
  readonly path: string;
  /** The name in URLs; of the bundle, or the file's stem. */
  readonly name?: string;
  /** 1 unless given. */
  readonly version?: string;
  /** Threads of one inference that runs in a worker; the cores that this process may use unless given. */
  readonly threads?: number;
  /** Requests that may wait; further ones are told to come back (503). 1024 unless given. */
  readonly maxQueue?: number;
  /** The largest body, 64 MiB unless given. */
  readonly maxBodyBytes?: number;
  /** 30 s unless given. */
  readonly deadlineMs?: number;
  /** How long the head of a request may take to arrive, 15 s unless given. */
  readonly headTimeoutMs?: number;
  /** Version of the server as it is shown to clients. */
  readonly serverVersion?: string;
  /** One line about what a person should know; thrown away unless given. */
  readonly log?: (line: string) => void;
}

export interface ListenOptions extends ServeOptions {
  /** 127.0.0.1 unless given. */
  readonly host?: string;
  /** 8080 unless given; 0 takes any that is free. */
  readonly port?: number;
}

/** A service that is ready and does not listen: it takes connections from `accept`. */
export interface Service {
  readonly name: string;
  readonly version: string;
  readonly signature: Signature;
  /** Whether the model runs on the thread of the HTTP server or in a worker. */
  readonly where: 'main' | 'worker';
  accept(socket: Socket): void;
  /** The connections that there are end soon, without losing a request; those that come later stay. */
  letGo(): void;
  /** Not ready from now on, and every answer ends its connection; requests are still taken. */
  announceDrain(): void;
  /** The same, and no further connections may come. Resolves when every request that has come is answered and every connection closed. */
  drain(times?: Partial<DrainTimes>): Promise<void>;
  /** Ends what is left; nothing is waited for. */
  close(): Promise<void>;
}

export interface LingerTimes extends DrainTimes {
  /** How long connections are still accepted: whoever spreads the load needs a while to see that this server is not ready. */
  readonly lingerMs: number;
}

export interface RunningServer extends Omit<Service, 'accept' | 'letGo' | 'announceDrain' | 'drain'> {
  readonly url: string;
  readonly port: number;
  /** Not ready from now on. Resolves when every request that has come is answered and every connection closed. */
  drain(times?: Partial<LingerTimes>): Promise<void>;
}

/** Loads the model and makes it ready to serve. Throws a `ModelLoadError`. */
export async function createService(options: ServeOptions): Promise<Service> {
  const { threads = Math.min(8, coresOfProcess()), maxQueue = 1024, log = () => {} } = options;
  const servable = await findServable(options.path);
  const name = options.name ?? servable.name;
  const version = options.version ?? '1';
  // The counters name the model, and the model counts: the gauges look the model up when they are read.
  let model: ServedModel | undefined;
  const metrics: Metrics = await createMetrics({
    name,
    version,
    precision: servable.precision ?? '',
    runtime: `onnxruntime-node ${runtimeVersion()}`,
    where: () => model?.where ?? '',
    queueDepth: () => model?.queueDepth ?? 0,
    isReady: () => (model?.isReady ?? false) && !http.connections.isDraining,
  });
  model = await ServedModel.load({ servable, name, version, threads, maxQueue, observer: metrics, log });
  const http = createHttpServer({
    model,
    metrics,
    log,
    serverVersion: options.serverVersion ?? '',
    maxBodyBytes: options.maxBodyBytes ?? 64 * 1024 * 1024,
    deadlineMs: options.deadlineMs ?? 30_000,
    headTimeoutMs: options.headTimeoutMs ?? 15_000,
  });
  return serviceOf(model, http);
}

/** Serves a bundle or an ONNX file on a port. Throws a `ModelLoadError`, or the error of `listen` (EADDRINUSE, EACCES). */
export async function startServer(options: ListenOptions): Promise<RunningServer> {
  const { host = '127.0.0.1', port = 8080 } = options;
  const service = await createService(options);
  const listener = createServer({ noDelay: true }, service.accept);
  try {
    await listen(listener, host, port);
  } catch (cause) {
    await service.close();
    throw cause;
  }
  const address = listener.address();
  const bound = typeof address === 'object' && address !== null ? address.port : port;
  const { name, version, signature, where } = service;
  return {
    name,
    version,
    signature,
    where,
    port: bound,
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    drain: async ({ lingerMs = 0, ...times } = {}) => {
      service.announceDrain();
      await pause(lingerMs);
      await acceptBacklog(listener);
      listener.close();
      await service.drain(times);
    },
    close: () => {
      listener.close();
      return service.close();
    },
  };
}

function serviceOf(model: ServedModel, { server, connections }: HttpServer): Service {
  const close = async (): Promise<void> => {
    // Ends the timers, too.
    server.close();
    server.closeAllConnections();
    await model.close();
  };
  return {
    name: model.name,
    version: model.version,
    signature: model.signature,
    where: model.where,
    accept: (socket) => {
      socket.setNoDelay(true);
      server.emit('connection', socket);
      // A socket from another process comes paused, so that no byte was read where it came from.
      socket.resume();
    },
    letGo: () => connections.letGo(5_000),
    announceDrain: () => connections.announceDrain(),
    drain: async ({ idleGraceMs = 5_000, limitMs = 45_000 } = {}) => {
      await connections.drain({ idleGraceMs, limitMs });
      await close();
    },
    close,
  };
}

/** Connections that the kernel has taken but nobody accepted yet would be reset. The loop accepts one a turn; a quiet while means no more. */
async function acceptBacklog(listener: Server): Promise<void> {
  let quietTurns = 0;
  listener.on('connection', () => {
    quietTurns = 0;
  });
  const giveUpAt = performance.now() + 2_000;
  while (quietTurns < 5 && performance.now() < giveUpAt) {
    quietTurns += 1;
    await nextTurn();
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
