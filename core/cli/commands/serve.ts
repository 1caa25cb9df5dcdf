import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { RunningServer } from '../../serve/index.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import { packageManifest } from '../package-root.ts';

export interface ServeCommandOptions {
  readonly model: string;
  readonly host: string;
  readonly port: number;
  readonly name?: string;
}

/** `modelflow serve`: one model in the foreground, until it is stopped. Ctrl-C answers what has come in and ends. */
export async function serveCommand(options: ServeCommandOptions, signal: AbortSignal): Promise<ExitCode> {
  const path = resolve(options.model);
  if (!existsSync(path))
    throw failure('MF1107', `there is no model ${options.model}`, { hint: 'Name an .onnx file, or a folder with a bundle.json.' });
  const server = await started(path, options);
  console.error(`${server.name} is served at ${server.url}; Ctrl-C stops it`);
  for (const { name, dtype, shape } of server.signature.inputs)
    console.error(`  takes ${name}: ${dtype} [${shape.map((each) => each ?? '?').join(', ')}]`);
  for (const { name, dtype, shape } of server.signature.outputs)
    console.error(`  gives ${name}: ${dtype} [${shape.map((each) => each ?? '?').join(', ')}]`);
  console.error(`  ask it  curl ${server.url}/v2/models/${server.name}`);
  if (!signal.aborted) await new Promise<void>((stop) => signal.addEventListener('abort', () => stop(), { once: true }));
  await server.drain({ idleGraceMs: 0 });
  return 0;
}

async function started(path: string, options: ServeCommandOptions): Promise<RunningServer> {
  const { ModelLoadError, startServer } = await import('../../serve/index.ts');
  const { host, port, name } = options;
  try {
    return await startServer({
      path,
      host,
      port,
      serverVersion: packageManifest().version,
      log: (line) => console.error(line),
      ...(name === undefined ? {} : { name }),
    });
  } catch (error) {
    if (error instanceof ModelLoadError) throw failure('MF3101', `${basename(path)} cannot be served: ${error.message}`, { cause: error });
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw failure('MF5003', `port ${port} on ${host} is in use`, {
        hint: 'Stop what listens there, or take another: --port 0 finds a free one.',
        cause: error,
      });
    }
    throw error;
  }
}
