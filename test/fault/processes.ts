import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** The commands of all living processes that work in a folder or below it, or were given a path in it. Linux only: /proc. */
export function processesIn(folder: string): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const isThere = `${readlinkSync(`/proc/${pid}/cwd`)}/`.startsWith(`${folder}/`) || command.includes(folder);
        return isThere ? [command] : [];
      } catch {
        // It has ended in between.
        return [];
      }
    });
}

/** Waits until there is none any more: what has to end has no other way of saying so. */
export async function untilNone(find: () => readonly string[]): Promise<void> {
  const until = Date.now() + 10_000;
  for (let found = find(); found.length > 0; found = find()) {
    if (Date.now() > until) throw new Error(`still there: ${found.join('\n')}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
