import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { failure } from '../spec/diagnostic.ts';
import type { Disk } from './disk.ts';

/** The layout of a store on disk. Raise it together with a step in `upgrades` that brings the one before to it. */
export const storeFormat = 2;

interface FormatFile {
  readonly format: number;
  /** Since format 2: tells one store from another, wherever it is moved or restored to. */
  readonly id?: string;
}

/** From the format that is the key to the next one. A step may be killed anywhere and begins again: it only ever adds. */
const upgrades: Readonly<Record<number, (before: FormatFile) => FormatFile>> = {
  1: () => ({ format: 2, id: randomUUID() }),
};

/** Refuses a store that this modelflow cannot read: MF6003 when the file is not ours, MF6004 when it is newer. Changes nothing. */
export function checkFormat(root: string, disk: Disk): void {
  const found = readFormat(root, disk);
  if (found === undefined || found.format <= storeFormat) return;
  throw failure('MF6004', `the store ${root} has format ${found.format}; this modelflow knows formats up to ${storeFormat}`, {
    hint: 'Use the modelflow that wrote it, or another store.',
  });
}

/** Must the store be upgraded before anything is written to it? Reading an older one needs no upgrade. */
export function isOlderFormat(root: string, disk: Disk): boolean {
  const found = readFormat(root, disk);
  return found !== undefined && found.format < storeFormat;
}

/** Makes the folder of the store and says what it is. The first thing a run writes. */
export function initialiseStore(root: string, disk: Disk): void {
  disk.makeFolder(root);
  if (!disk.isThere(formatPath(root))) writeFormat(root, disk, { format: storeFormat, id: randomUUID() });
}

/** Brings a store to the newest format, one durable step at a time; the caller holds the whole of it. Done twice it does nothing. */
export function upgradeStore(root: string, disk: Disk): void {
  for (;;) {
    const found = readFormat(root, disk);
    const step = found && upgrades[found.format];
    if (found === undefined || step === undefined) return;
    writeFormat(root, disk, step(found));
  }
}

function formatPath(root: string): string {
  return join(root, 'format.json');
}

function writeFormat(root: string, disk: Disk, file: FormatFile): void {
  disk.write(formatPath(root), `${JSON.stringify(file)}\n`);
}

function readFormat(root: string, disk: Disk): FormatFile | undefined {
  const text = disk.readText(formatPath(root));
  if (text === undefined) return undefined;
  const found = formatIn(text);
  if (found) return found;
  throw failure('MF6003', `${formatPath(root)} is not what modelflow writes, so the store cannot be read`, {
    hint: `If it is a store of this modelflow, its text is {"format":${storeFormat}}; otherwise use another folder.`,
  });
}

function formatIn(text: string): FormatFile | undefined {
  try {
    const found = JSON.parse(text) as Partial<FormatFile> | null;
    return typeof found?.format === 'number' && found.format >= 1 ? (found as FormatFile) : undefined;
  } catch {
    // Not JSON.
    return undefined;
  }
}
