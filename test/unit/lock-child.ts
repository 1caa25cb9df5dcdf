import { existsSync, mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { ModelflowError } from '../../core/spec/diagnostic.ts';
import { realDisk } from '../../core/store/disk.ts';
import { takeLock } from '../../core/store/lock.ts';
import { isAlive, machineOf, ownIdentity } from '../../core/world/process-identity.ts';

// Takes the lock again and again. While it holds it, it alone can make the folder `inside`; now and then it dies with the lock in its hand.
const [folder = '', roundsText = '0', mode = ''] = process.argv.slice(2);
const me = { ...ownIdentity(), ...machineOf(), user: 'test', command: 'test', since: '' };
const inside = join(folder, 'inside');
let held = 0;
for (let left = Number(roundsText); left > 0; ) {
  try {
    const lock = takeLock(join(folder, 'lock'), realDisk(), { me, isAlive });
    mkdirSync(inside);
    held++;
    left--;
    rmdirSync(inside);
    if (mode === 'dies' && left === 0) process.kill(process.pid, 'SIGKILL');
    lock.release();
  } catch (error) {
    if (!(error instanceof ModelflowError) || error.diagnostics[0]?.code !== 'MF6001') {
      process.stderr.write(`${existsSync(inside) ? 'two hold the lock: ' : ''}${String(error)}\n`);
      process.exit(1);
    }
  }
}
process.stdout.write(String(held));
