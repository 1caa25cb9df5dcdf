import { watch } from 'node:fs';
import { serveControl } from './control.ts';
import { openLogFile } from './log-file.ts';
import type { Request, Status } from './protocol.ts';

import { claimSupervision, pathsOf, readService, readSupervisor, releaseSupervision } from './state.ts';
import { Supervisor } from './supervisor.ts';

/**
 * The supervisor of one service: a process of its own, which outlives the CLI that started it.
 *
 *     CLI ── control.sock ──▶ supervisor ── connections ──▶ server processes (core/serve)
 *                             owns the port, service.json, releases/, logs/
 *
 * Arguments: the folder of the service, and its name.
 */
async function main(folder: string, service: string): Promise<void> {
  process.umask(0o077);
  // The control socket is named relative to here: see control.ts.
  process.chdir(folder);
  if (!(await claimSupervision(folder))) return tellParent('taken');
  const log = openLogFile(pathsOf(folder).log);
  const supervisor = new Supervisor(folder, (await readService(folder)) ?? { format: 2, service, nextRevision: 1, releases: [] }, log);
  const fault = (error: unknown) => log.append('supervisor', error instanceof Error ? (error.stack ?? error.message) : String(error));
  const end = async () => {
    await supervisor.shutDown();
    await releaseSupervision(folder);
    process.exit(0);
  };
  const control = await serveControl(async (request, tell, signal) => {
    try {
      return await answer(supervisor, request, tell, signal);
    } finally {
      // Nothing to supervise, and the answer is on its way: the last connection's end is the end.
      if (request.do !== 'status' && request.do !== 'traffic' && !supervisor.hasService) control.close(() => void end());
    }
  }, fault);
  process.on('SIGTERM', () => void end());
  process.on('SIGINT', () => void end());
  watchOver(folder, end, fault);
  // Resuming begins before the first request can be read: an apply that follows finds its turn taken.
  const resumed = supervisor.resume();
  tellParent('listening');
  await resumed;
}

async function answer(supervisor: Supervisor, request: Request, tell: (line: string) => void, signal: AbortSignal): Promise<Status> {
  switch (request.do) {
    case 'status':
      return supervisor.status();
    case 'traffic':
      return supervisor.traffic();
    case 'apply':
      return supervisor.apply(request.want, request.token, tell, signal);
    case 'stop':
      return supervisor.stop();
    default:
      return request satisfies never;
  }
}

/** A supervisor whose record is gone can no longer be found: it ends, rather than hold a port for ever. */
function watchOver(folder: string, end: () => Promise<void>, fault: (error: unknown) => void): void {
  const watcher = watch(folder, () => {
    readSupervisor(folder)
      .then((record) => {
        if (record?.pid === process.pid) return;
        watcher.close();
        return end();
      })
      .catch(fault);
  });
  watcher.on('error', fault);
}

function tellParent(what: 'listening' | 'taken'): void {
  // The parent may have been killed meanwhile; then nobody needs to know.
  process.send?.(what, undefined, undefined, () => {
    if (process.connected) process.disconnect();
  });
}

const [folder, service] = process.argv.slice(2);
if (folder === undefined || service === undefined) throw new Error('usage: supervisor-main FOLDER SERVICE');
await main(folder, service);
