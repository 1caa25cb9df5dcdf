import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { filesBelow, makeRig, type Rig, stagesModule } from '../support/rig.ts';

const clone = (suffix = '!'): Rig =>
  makeRig({
    'a.txt': 'hello\n',
    'stages.ts': stagesModule,
    'deploy.config.ts': `
import { definePipeline } from 'modelflow';
import { first, source, upper } from './stages';
export default definePipeline({ name: 'letters', build: () => {
  const text = source({ path: './a.txt' });
  const big = upper({ text, suffix: '${suffix}' });
  return { text, big, initial: first({ text: big }) };
} });`,
  });

it('a packed cache brings what the last run used to another machine, with the history that explains a plan', async () => {
  const [here, there] = [clone('.'), clone()];
  await here.run('run');
  here.write('deploy.config.ts', there.read('deploy.config.ts'));
  await here.run('run');
  const packed = await here.run('cache', 'pack', 'out/cache.pack');
  expect(packed).toMatchObject({ code: 0, stderr: '' });
  expect(packed.stdout).toMatch(/^packed 3 results, 3 artifacts and 2 runs/);
  there.write('cache.pack', readFileSync(here.path('out/cache.pack')));
  expect((await there.run('cache', 'unpack', 'cache.pack')).stdout).toMatch(/^unpacked 3 results, 3 artifacts and 2 runs/);
  const plan = await there.run('plan');
  expect(plan.stdout.match(/= reuse/g)).toHaveLength(3);
  there.write('deploy.config.ts', there.read('deploy.config.ts').replace("suffix: '!'", "suffix: '?'"));
  expect((await there.run('plan')).stdout).toMatch(/option `suffix` changed: "!" -> "\?"/);
  expect((await there.run('cache', 'verify')).stdout).toBe('3 artifacts, 3 whole, 0 damaged\n');
  expect((await there.run('cache', 'unpack', 'cache.pack')).stdout).toMatch(/^unpacked 0 results, 0 artifacts and 0 runs/);
});

it('nothing to unpack is no failure, and what was not packed is one', async () => {
  const rig = clone();
  expect(await rig.run('cache', 'unpack', 'none.pack')).toMatchObject({ code: 0, stdout: 'there is no none.pack: nothing to unpack\n' });
  rig.write('other.pack', 'something else\n');
  const other = await rig.run('cache', 'unpack', 'other.pack');
  expect(other.code).toBe(1);
  expect(other.stderr).toContain('MF6109');
});

it('of a packed cache with any one byte changed, or cut anywhere, nothing wrong is taken over', async () => {
  const here = clone();
  await here.run('run');
  await here.run('cache', 'pack', 'cache.pack');
  const bytes = readFileSync(here.path('cache.pack'));
  const places = Array.from({ length: 12 }, (_, index) => Math.floor((bytes.length * (index + 0.5)) / 12));
  for (const at of places) {
    const there = clone();
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    for (const damaged of [changed, bytes.subarray(0, at)]) {
      writeFileSync(there.path('cache.pack'), damaged);
      const unpacked = await there.run('cache', 'unpack', 'cache.pack');
      expect([0, 1]).toContain(unpacked.code);
      expect(unpacked.stderr, `byte ${at}`).toContain('MF6109');
      expect((await there.run('cache', 'verify')).code).toBe(0);
      expect(filesBelow(there.path('.modelflow/work'))).toEqual([]);
    }
  }
}, 120_000);

const sumOf = (text: string): string => createHash('sha256').update(text).digest('hex');

it.each([
  ['result', (digest: string) => `sum\n${JSON.stringify({ digest, fingerprint: '../precious' })}\n`],
  ['result', () => 'no record'],
  ['artifact', () => 'no pack'],
] as const)('a packed cache that somebody made by hand gets no %s out of the store', async (what, bodyOf) => {
  const rig = clone();
  await rig.run('run');
  rig.write('precious', 'mine');
  const digest = filesBelow(rig.path('.modelflow/artifacts'))[0]?.split('/')[1] ?? '';
  for (const name of ['../precious', 'a'.repeat(64)]) {
    const body = bodyOf(digest);
    const entry = { what, name, sizeBytes: body.length, sha256: sumOf(`${what} ${name}\n${body}`) };
    rig.write('cache.pack', `modelflow-cache-1\n${JSON.stringify(entry)}\n${body}`);
    const unpacked = await rig.run('cache', 'unpack', 'cache.pack');
    expect(rig.read('precious')).toBe('mine');
    expect(unpacked.stdout).toMatch(/^unpacked 0 results, 0 artifacts and 0 runs/);
    expect(unpacked.stderr).toContain(`cache.pack is damaged: ${what} ${name.slice(0, 12)} left out`);
  }
});
