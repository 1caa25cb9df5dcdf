// How long does it take to learn that there is nothing to do? `npm run bench:plan`, after `npm run demo`.
// Each figure stands beside bare Node in the same rounds, so that a slow or busy machine shows in both.
import { spawnSync } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const cli = fileURLToPath(new URL('../../dist/core/cli/bin.js', import.meta.url));
const rounds = 15;

const contestants: Readonly<Record<string, readonly string[]>> = {
  'node -e 0': ['-e', '0'],
  'modelflow --version': [cli, '--version'],
  'modelflow plan': [cli, 'plan', '--detailed-exitcode'],
  'modelflow run': [cli, 'run'],
};

function timeMs(args: readonly string[]): number {
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}; run the demo first\n${stderr}`);
  return performance.now() - began;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const times = new Map(Object.keys(contestants).map((name) => [name, [] as number[]]));
for (const args of Object.values(contestants)) timeMs(args);
for (let round = 0; round < rounds; round++) {
  for (const [name, args] of Object.entries(contestants)) times.get(name)?.push(timeMs(args));
}

const floorMs = median(times.get('node -e 0') ?? []);
console.log(`median of ${rounds} rounds, whole processes, nothing to do, service live\n`);
console.log(`${''.padEnd(22)}${'ms'.padStart(8)}${'over node'.padStart(12)}${'ratio'.padStart(8)}`);
for (const [name, values] of times) {
  const ms = median(values);
  console.log(
    `${name.padEnd(22)}${ms.toFixed(0).padStart(8)}${(ms - floorMs).toFixed(0).padStart(12)}${(ms / floorMs).toFixed(1).padStart(8)}`,
  );
}
