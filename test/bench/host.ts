// What does it cost that a stage of the user's has a process of its own? `node test/bench/host.ts`, after `npm run build`.
// The same trivial stages, once in the user's own file and once in a package (which run in the CLI), beside bare Node in the same rounds.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../dist/core/cli/bin.js', import.meta.url));
const rounds = 5;
const stages = 20;

const stage = `import { defineArtifact, defineStage, z } from 'modelflow';
const output = defineArtifact('made', z.object({ n: z.number() }));
export const made = defineStage({ name: 'made', version: 1, inputs: {}, options: { n: z.number() }, output, run: async ({ options }) => ({ n: options.n }) });
`;
const config = (from: string): string => `import { definePipeline, matrix } from 'modelflow';
import { made } from '${from}';
export default definePipeline({ name: 'bench', build: () => matrix({ n: Array.from({ length: ${stages} }, (_, n) => n) }, (cell) => made(cell)) });
`;

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'modelflow-bench-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

function timeMs(folder: string, args: readonly string[]): number {
  rmSync(join(folder, '.modelflow'), { recursive: true, force: true });
  const began = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}\n${stderr}`);
  return performance.now() - began;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

const own = folderWith({ 'stages.js': stage, 'deploy.config.js': config('./stages.js') });
const theirs = folderWith({
  'node_modules/acme/package.json': '{ "name": "acme", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
  'node_modules/acme/index.js': stage,
  'deploy.config.js': config('acme'),
});
const run = [cli, 'run', '--concurrency', '1'];
const times = { node: [] as number[], own: [] as number[], theirs: [] as number[] };
try {
  for (let round = 0; round <= rounds; round++) {
    const found = { node: timeMs(own, ['-e', '0']), own: timeMs(own, run), theirs: timeMs(theirs, run) };
    // The first round fills the caches.
    if (round > 0) for (const name of ['node', 'own', 'theirs'] as const) times[name].push(found[name]);
  }
} finally {
  for (const folder of [own, theirs]) rmSync(folder, { recursive: true, force: true });
}
const nodeMs = median(times.node);
const hostMs = (median(times.own) - median(times.theirs)) / stages;
console.log(`median of ${rounds} rounds, ${stages} trivial stages one after the other`);
console.log(`node -e 0              ${nodeMs.toFixed(0)} ms`);
console.log(`run, stages in the CLI ${median(times.theirs).toFixed(0)} ms`);
console.log(`run, a host for each   ${median(times.own).toFixed(0)} ms`);
console.log(`one host               ${hostMs.toFixed(0)} ms, ${(hostMs / nodeMs).toFixed(1)} × node -e 0`);
