import { open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseTable, type RouteTable } from './table.ts';

/** Of the files that are there, the table of the highest generation. Throws when one is there and cannot be read. */
export async function newestTable(paths: readonly string[]): Promise<RouteTable | undefined> {
  const found = await Promise.all(paths.map(readTable));
  return found.reduce((best, each) => (each !== undefined && each.generation > (best?.generation ?? -1) ? each : best), undefined);
}

/** Whole or not at all, and durable when it resolves. */
export async function writeTable(path: string, table: RouteTable): Promise<void> {
  const beside = `${path}.${process.pid}.part`;
  try {
    const file = await open(beside, 'w', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(table)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}

async function readTable(path: string): Promise<RouteTable | undefined> {
  try {
    return parseTable(await readFile(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path}: ${(error as Error).message}`, { cause: error });
  }
}
