// What does it cost to learn that there is nothing to do, or little? `npm run bench:engine`: modelflow beside DVC, wireit and Turborepo.
// Whole processes, the contestants one after the other in each round, so that a busy machine shows in all of them.
import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { type Command, dvc, modelflow, type Peer, turbo, wireit } from './peers.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    /** Stages of the pipeline that all tools get. */
    stages: { type: 'string', default: '10' },
    /** Stages of the pipelines that only modelflow gets. */
    sizes: { type: 'string', default: '100,1000,10000' },
    bytes: { type: 'string', default: '2000000000' },
  },
});
const rounds = Number(values.rounds);
const floor = 'node -e 0';
const root = mkdtempSync(join(tmpdir(), 'modelflow-bench-'));
process.on('exit', () => rmSync(root, { recursive: true, force: true }));

/** As from a shell: what npm tells this script about itself is not for the tools. */
const surroundings = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')));

function timeMs({ program, args, cwd, env }: Command): number {
  const began = performance.now();
  const { status, stderr, error } = spawnSync(program, args, { cwd, env: { ...surroundings, ...env }, encoding: 'utf8', timeout: 600_000 });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}\n${stderr}${error?.message ?? ''}`);
  return performance.now() - began;
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? Number.NaN;
}

interface Contestant {
  readonly name: string;
  readonly command: Command;
  /** Before each time, and not measured. */
  readonly before?: () => void;
}

function compare(title: string, contestants: readonly Contestant[], times = rounds): void {
  const nothing: Contestant = { name: floor, command: { program: process.execPath, args: ['-e', '0'], cwd: root } };
  const all = [nothing, ...contestants];
  const took = new Map(all.map(({ name }) => [name, [] as number[]]));
  for (let round = 0; round < times; round++) {
    for (const { name, command, before } of all) {
      before?.();
      took.get(name)?.push(timeMs(command));
    }
  }
  const floorMs = median(took.get(floor) ?? []);
  const oursMs = median(took.get(contestants[0]?.name ?? '') ?? []);
  console.log(`\n${title} (median of ${times}, load ${loadavg()[0]?.toFixed(1)})`);
  console.log(`${''.padEnd(34)}${'ms'.padStart(8)}${'over node'.padStart(11)}${'to ours'.padStart(9)}`);
  for (const [name, each] of took) {
    const ms = median(each);
    const columns = [ms.toFixed(0).padStart(8), (ms - floorMs).toFixed(0).padStart(11), (ms / oursMs).toFixed(2).padStart(9)];
    console.log(name.padEnd(34) + columns.join(''));
  }
}

const count = Number(values.stages);
const peers: readonly Peer[] = [modelflow, dvc, wireit, turbo].map((make) => {
  const folder = join(root, make.name);
  mkdirSync(folder);
  const peer = make(folder, count);
  timeMs(peer.run);
  timeMs(peer.run);
  return peer;
});
const planned = peers.flatMap(({ name, plan }) =>
  plan ? [{ name: `${name} ${plan.args.at(-1)?.split('/').at(-1)}`, command: plan }] : [],
);
compare(`${count} stages, nothing to do: only look`, planned);
compare(
  `${count} stages, nothing to do: run`,
  peers.map(({ name, run }) => ({ name, command: run })),
);
let change = 0;
compare(
  `${count} stages, the input has changed: run`,
  peers.map(({ name, run, input }) => ({ name, command: run, before: () => appendFileSync(input, `${change++}\n`) })),
  Math.min(rounds, 5),
);

for (const size of values.sizes.split(',').filter(Boolean).map(Number)) {
  const folder = join(root, `modelflow-${size}`);
  mkdirSync(folder);
  const { plan, run } = modelflow(folder, size);
  if (plan === undefined) continue;
  const times = Math.min(rounds, 5);
  compare(`${size} stages, never run`, [{ name: 'modelflow plan', command: plan }], times);
  const firstMs = timeMs(run);
  console.log(`first run of all: ${(firstMs / 1000).toFixed(1)} s, ${(firstMs / size).toFixed(2)} ms a stage`);
  compare(
    `${size} stages, nothing to do`,
    [
      { name: 'modelflow plan', command: plan },
      { name: 'modelflow run', command: run },
    ],
    times,
  );
}

const large = join(root, 'large');
mkdirSync(large);
const { input, plan } = modelflow(large, 1);
writeFileSync(input, 'a model');
truncateSync(input, Number(values.bytes));
const cache = join(large, 'cache');
const look: Command = { ...(plan as Command), env: { MODELFLOW_CACHE: cache } };
timeMs(look);
compare(
  `a file of ${(Number(values.bytes) / 1e9).toFixed(1)} GB`,
  [
    { name: 'openssl dgst -sha256', command: { program: 'openssl', args: ['dgst', '-sha256', input], cwd: large } },
    { name: 'modelflow plan, for the first time', command: look, before: () => rmSync(join(cache, 'digests'), { recursive: true }) },
    { name: 'modelflow plan, again', command: look },
  ],
  Math.min(rounds, 5),
);
