// Loaded into the CLI with --import: at the n-th change on disk below a folder the process is killed, or the disk is full from then on.
// The hosts of stages inherit it; what they write is their attempt's own affair.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { FAIL_AT, FAIL_HOW, FAIL_BELOW = '', FAIL_COUNT } = process.env;
const names = ['writeSync', 'fsyncSync', 'fdatasyncSync', 'renameSync', 'linkSync', 'rmSync', 'mkdirSync', 'chmodSync'];
const growing = new Set(['writeSync', 'linkSync', 'mkdirSync']);
const open = new Map();
let count = 0;

const { openSync, appendFileSync } = fs;
fs.openSync = (path, ...more) => {
  const descriptor = openSync(path, ...more);
  open.set(descriptor, String(path));
  return descriptor;
};
for (const name of process.argv[2] === 'exec-stage' ? [] : names) {
  const real = fs[name];
  fs[name] = (first, ...more) => {
    const path = typeof first === 'number' ? (open.get(first) ?? '') : String(first);
    if (!path.startsWith(FAIL_BELOW)) return real(first, ...more);
    count++;
    if (FAIL_COUNT) appendFileSync(FAIL_COUNT, `${name} ${path}\n`);
    if (FAIL_HOW === 'kill' && count === Number(FAIL_AT)) {
      // Half of what was to be written is on disk.
      if (name === 'writeSync') real(first, more[0].subarray(0, Math.ceil(more[0].length / 2)));
      process.kill(process.pid, 'SIGKILL');
    }
    if (FAIL_HOW === 'full' && count >= Number(FAIL_AT) && growing.has(name)) {
      if (name === 'writeSync' && count === Number(FAIL_AT)) return real(first, more[0].subarray(more[1] ?? 0, (more[1] ?? 0) + 10));
      throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
    }
    return real(first, ...more);
  };
}
syncBuiltinESMExports();
