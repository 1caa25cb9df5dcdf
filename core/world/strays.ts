import { readdirSync, readFileSync } from 'node:fs';

/** Every child carries the marks of the programs it was started below in this variable, and so does all that it starts, wherever that goes. */
export const markVariable = 'MODELFLOW_CHILD_OF';

const rounds = 20;
const betweenRoundsMs = 25;

/** Processes with one of these marks in their environment, also those that left the group they were started in. Linux only: elsewhere nothing can be seen. */
function markedWith(marks: readonly string[]): readonly number[] {
  if (process.platform !== 'linux' || marks.length === 0) return [];
  return readdirSync('/proc').flatMap((name) => {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const variable = readFileSync(`/proc/${pid}/environ`, 'latin1')
        .split('\0')
        .find((each) => each.startsWith(`${markVariable}=`));
      return variable !== undefined && marks.some((mark) => variable.includes(mark)) ? [pid] : [];
    } catch {
      // Somebody else's, or it has just ended.
      return [];
    }
  });
}

/** Kills every process with one of these marks, and those that they start meanwhile. Synchronous: nothing else may begin before. */
export function endStrays(marks: readonly string[]): void {
  for (let round = 0; round < rounds; round++) {
    const found = markedWith(marks);
    if (found.length === 0) return;
    for (const pid of found) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // It ended in between; another user's was not found above.
      }
    }
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, betweenRoundsMs);
  }
}
