import { spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { failure, type TrafficSource } from '../../../core/index.ts';
import { ask } from './control.ts';
import { isRunning, signal as signalProcess } from './identity.ts';
import { protocolVersion, type Request, type Status, tokenOf, type Want } from './protocol.ts';
import { type RequestTo1, requestTo1 } from './protocol-1.ts';
import { pruneReleases } from './releases.ts';
import { pathsOf, readService, readSupervisor, type SupervisorRecord, writeService } from './state.ts';

const statusTimeoutMs = 5_000;
/** How long a process on record may take until it listens; it does so at once after it has put itself on record. */
const startTimeoutMs = 10_000;

/** What the supervisor of the service says; undefined when none runs. Throws MF5002 when one runs and does not answer. */
export async function statusOf(folder: string, signal: AbortSignal): Promise<Status | undefined> {
  const until = Date.now() + startTimeoutMs;
  for (;;) {
    const answer = await askForStatus(folder, signal);
    if (typeof answer !== 'string') return answer;
    const record = await readSupervisor(folder);
    if (record === undefined || !(await isRunning(record))) return undefined;
    if (Date.now() > until) throw doesNotAnswer(record);
    await pause(50, undefined, { signal });
  }
}

/** Makes the service what is wanted; starts its supervisor when none runs. */
export async function applyTo(
  folder: string,
  service: string,
  given: { readonly want: Want; readonly token: string; readonly signal: AbortSignal; readonly onLog: (line: string) => void },
): Promise<Status> {
  const { want, token, ...rest } = given;
  const running = await statusOf(folder, given.signal);
  const request: Request | RequestTo1 | undefined = running?.protocol === 1 ? requestTo1(want, running) : { do: 'apply', want, token };
  if (running?.protocol === 1 && token !== tokenOf(running.releases))
    throw failure('MF5001', `\`${service}\` was changed since it was looked at; nothing was done`, { hint: 'Run again.' });
  if (request === undefined || (running !== undefined && running.protocol > protocolVersion))
    throw failure('MF5341', `\`${service}\` is supervised by another version of modelflow, which cannot do this; nothing was done`, {
      hint: 'Stop the service with `modelflow down`, then run again.',
    });
  // A supervisor that has nothing to do ends by itself: it may do so just now.
  for (let attempt = 0; attempt < 3; attempt++) {
    const answer = await ask(folder, request, rest);
    if (answer === 'ended-meanwhile')
      throw failure('MF5002', `the supervisor of \`${service}\` ended before the deployment was done`, {
        hint: 'Run again; `modelflow logs` tells what it did.',
      });
    if (answer !== 'nobody-listens') return answer;
    await startSupervisor(folder, service);
  }
  throw failure('MF5002', `no supervisor could be started for \`${service}\``, { hint: `See ${pathsOf(folder).supervisorOutput}.` });
}

/** What the router of the service has counted; undefined while there is none. */
export async function trafficOf(folder: string, signal: AbortSignal): Promise<TrafficSource | undefined> {
  const status = await ask(folder, { do: 'traffic' }, { signal });
  return typeof status === 'string' ? undefined : status.traffic;
}

/** Stops the service and forgets its releases. Nothing to stop is no failure; a supervisor that does not answer is ended by force. */
export async function removeFrom(folder: string, signal: AbortSignal): Promise<void> {
  const answers = await statusOf(folder, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    return error;
  });
  if (answers instanceof Error) await endByForce(folder);
  else if (answers !== undefined) {
    await ask(folder, { do: 'stop' }, { signal });
    return;
  }
  const state = await readService(folder);
  if (state === undefined) return;
  await writeService(folder, { ...state, releases: [] });
  await pruneReleases(folder, 0, new Set());
}

async function askForStatus(folder: string, signal: AbortSignal): ReturnType<typeof ask> {
  const timeout = AbortSignal.timeout(statusTimeoutMs);
  try {
    return await ask(folder, { do: 'status' }, { signal: AbortSignal.any([signal, timeout]) });
  } catch (error) {
    if (!timeout.aborted || signal.aborted) throw error;
    throw doesNotAnswer(await readSupervisor(folder));
  }
}

function doesNotAnswer(record: SupervisorRecord | undefined): Error {
  return failure('MF5002', `the supervisor of the service${record ? `, process ${record.pid},` : ''} does not answer`, {
    hint: '`modelflow down` ends it by force; the next run starts another.',
  });
}

async function endByForce(folder: string): Promise<void> {
  const record = await readSupervisor(folder);
  if (record === undefined) return;
  await signalProcess(record, 'SIGKILL');
  while (await isRunning(record)) await pause(20);
}

async function startSupervisor(folder: string, service: string): Promise<void> {
  const { logs, supervisorOutput } = pathsOf(folder);
  await mkdir(logs, { recursive: true, mode: 0o700 });
  const output = await open(supervisorOutput, 'a', 0o600);
  // The same ending as this file: it runs from source as well as built.
  const main = import.meta.url.endsWith('.ts') ? './supervisor-main.ts' : './supervisor-main.js';
  try {
    const child = spawn(process.execPath, [fileURLToPath(new URL(main, import.meta.url)), folder, service], {
      detached: true,
      stdio: ['ignore', output.fd, output.fd, 'ipc'],
      cwd: folder,
    });
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', () => resolve());
      child.once('error', reject);
    });
    if (child.connected) child.disconnect();
    child.unref();
  } finally {
    await output.close();
  }
}
