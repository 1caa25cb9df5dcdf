import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { failure, z } from '../../../core/index.ts';
import { identityOf, isRunning } from './identity.ts';
import type { ServiceState } from './protocol.ts';
import { AnyServiceState } from './protocol-1.ts';

/** Who supervises a service. */
export const SupervisorRecord = z.object({ format: z.literal(1), pid: z.int(), startedAt: z.string() });
export type SupervisorRecord = z.output<typeof SupervisorRecord>;

/** Where things lie in the folder of one service. */
export function pathsOf(
  folder: string,
): Readonly<Record<'service' | 'supervisor' | 'releases' | 'logs' | 'log' | 'supervisorOutput', string>> {
  const logs = join(folder, 'logs');
  return {
    service: join(folder, 'service.json'),
    supervisor: join(folder, 'supervisor.json'),
    releases: join(folder, 'releases'),
    logs,
    log: join(logs, 'current.log'),
    supervisorOutput: join(logs, 'supervisor.out'),
  };
}

/** Undefined when nothing was ever deployed here. Throws MF6003 when the file is not ours to read. */
export async function readService(folder: string): Promise<ServiceState | undefined> {
  return readJson(pathsOf(folder).service, AnyServiceState);
}

/** Whole or not at all: written beside, flushed, renamed. */
export async function writeService(folder: string, state: ServiceState): Promise<void> {
  await writeWhole(pathsOf(folder).service, `${JSON.stringify(state, null, 2)}\n`);
}

export async function readSupervisor(folder: string): Promise<SupervisorRecord | undefined> {
  return readJson(pathsOf(folder).supervisor, SupervisorRecord);
}

/**
 * Makes this process the one supervisor of the folder; false when a living one already is.
 * The record of a dead one is moved out of the way: of several who try, one renames it, and the link then lets one through.
 */
export async function claimSupervision(folder: string): Promise<boolean> {
  const self = await identityOf(process.pid);
  if (self === undefined) throw new Error('the start time of this process cannot be read');
  const path = pathsOf(folder).supervisor;
  const mine = `${path}.${randomUUID()}`;
  await writeFlushed(mine, `${JSON.stringify({ format: 1, ...self })}\n`);
  try {
    for (;;) {
      if (await linked(mine, path)) return true;
      const holder = await readSupervisor(folder);
      if (holder !== undefined && (await isRunning(holder))) return false;
      await rename(path, `${mine}.dead`).catch(ignoreMissing);
      const moved = await readJson(`${mine}.dead`, SupervisorRecord);
      // Between the look and the rename a living one may have come: put it back.
      if (moved !== undefined && (await isRunning(moved))) await linked(`${mine}.dead`, path);
      await rm(`${mine}.dead`, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/** Steps down, if this process is the one on record. */
export async function releaseSupervision(folder: string): Promise<void> {
  const holder = await readSupervisor(folder);
  if (holder?.pid === process.pid) await rm(pathsOf(folder).supervisor, { force: true });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch(ignoreMissing);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw failure('MF6003', `${path} cannot be read as the state of a service`, {
      hint: 'It is damaged, or was written by another version of modelflow. Stop the service with that version, or move the file away.',
      cause,
    });
  }
}

async function writeWhole(path: string, text: string): Promise<void> {
  const beside = `${path}.${randomUUID()}`;
  try {
    await writeFlushed(beside, text);
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await flushFolder(dirname(path));
}

async function writeFlushed(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A rename is only durable once its folder is. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** For `.catch`: what is not there is undefined, anything else is still an error. */
export function ignoreMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return undefined;
}
