import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import { openWorkspace, type Where } from '../workspace.ts';

/** `modelflow ui`: the pages of all runs, on this machine only, until it is stopped. */
export async function uiCommand(options: Where & { readonly port: number }, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const { servePages } = await import('../page-server.ts');
  const server = await servePages(workspace, options.port).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && (error.code === 'EADDRINUSE' || error.code === 'EACCES')) {
      const why = error.code === 'EADDRINUSE' ? 'is in use' : 'may not be listened on';
      throw failure('MF5003', `port ${options.port} on 127.0.0.1 ${why}`, { hint: '--port 0 finds a free one.', cause: error });
    }
    throw error;
  });
  console.error(`runs of ${workspace.store.scope} are shown at ${server.url}; Ctrl-C stops it`);
  if (!signal.aborted) await new Promise<void>((stop) => signal.addEventListener('abort', () => stop(), { once: true }));
  await server.close();
  return 0;
}
