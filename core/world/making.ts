import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** How a folder is called that is not whole yet, or that a killed process left so. */
export const makingPrefix = '.making-';

/** A name beside `name` that nobody else takes, for what will be renamed to it. */
export function makingName(name: string): string {
  return `${makingPrefix}${name}-${randomUUID()}`;
}

/** Removes what killed processes left of `name`. Only for the holder of its lock: nobody else is making one then. */
export async function removeLeftovers(folder: string, name: string): Promise<void> {
  for (const entry of await readdir(folder)) {
    if (entry.startsWith(`${makingPrefix}${name}-`)) await rm(join(folder, entry), { recursive: true, force: true });
  }
}
