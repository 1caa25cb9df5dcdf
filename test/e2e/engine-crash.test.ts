import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ownStages, pipelineOf } from '../support/own-stages.ts';
import { type Finished, filesBelow, type Rig } from '../support/rig.ts';

const hook = fileURLToPath(new URL('../support/fail-at.mjs', import.meta.url));

/** A target that keeps what is live in a file, and writes down each change it made. */
const build = `
  const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything],
    check: async () => [], probe: async () => ({ ok: true as const }), remove: async () => undefined,
    read: async (ctx, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
    apply: async (ctx, want) => {
      const live = { service: want.service, url: 'http://there', revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
      writeFileSync('live.json', JSON.stringify(live));
      appendFileSync('applied.txt', JSON.stringify((want.revisions[0]?.what as any).facts) + '\\n');
      return live as any;
    } });
  const put = stage('put', async ({ live, out }) => { writeFileSync(join(out, 'url.txt'), live.url); return { url: live.url }; },
    { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
  const text = stage('text', async ({ out, options }) => { mkdirSync(join(out, 'a/b'), { recursive: true }); writeFileSync(join(out, 'a/b/c.txt'), 'c'); return options; }, { options: { made: z.int() } })({ made: 1 });
  return { text, live: put({ what: text, target: (place as any)() }) };`;

const disturbed = (rig: Rig, how: 'kill' | 'full' | 'none', at: number, more: Readonly<Record<string, string>> = {}): Promise<Finished> =>
  rig.start(['run'], {
    env: { NODE_OPTIONS: `--import ${hook}`, FAIL_AT: String(at), FAIL_HOW: how, FAIL_BELOW: rig.path('.modelflow'), ...more },
  }).finished;

const digests = (rig: Rig): readonly string[] =>
  [...new Set(filesBelow(rig.path('.modelflow/artifacts')).map((path) => path.split('/')[1] ?? ''))].sort();

/** How many changes a run makes on disk, and what is in the store after it. */
async function undisturbed(): Promise<{ readonly steps: number; readonly digests: readonly string[] }> {
  const rig = ownStages(build);
  const end = await disturbed(rig, 'none', 0, { FAIL_COUNT: rig.path('steps.txt') });
  expect(end.code, end.stderr).toBe(0);
  return { steps: rig.read('steps.txt').trim().split('\n').length, digests: digests(rig) };
}

async function expectWhole(rig: Rig, wanted: readonly string[], when: string): Promise<void> {
  const run = await rig.run('run');
  expect(run.code, `${when}\n${run.stderr}`).toBe(0);
  expect(digests(rig), when).toEqual(wanted);
  expect(filesBelow(rig.path('.modelflow/work')), when).toEqual([]);
  expect((await rig.run('cache', 'verify')).stdout, when).toMatch(/2 artifacts, 2 whole/);
  expect(rig.read('applied.txt').trim().split('\n'), when).toHaveLength(1);
}

/** Every n-th step only: test/fault tries each of them, without a process; 1 tries them all here too. */
const stride = Number(process.env['FAULT_STRIDE'] ?? 5);

/** The numbers from a random one on, a few at a time. */
async function each(count: number, act: (at: number) => Promise<void>): Promise<void> {
  const first = 1 + Math.floor(Math.random() * stride);
  const left = Array.from({ length: Math.ceil((count - first + 1) / stride) }, (_, nth) => first + nth * stride);
  await Promise.all(
    Array.from({ length: 3 }, async () => {
      for (let at = left.shift(); at !== undefined; at = left.shift()) await act(at);
    }),
  );
}

describe('between any two changes on disk', () => {
  it('a kill loses nothing that was finished, leaves nothing by halves, and deploys nothing twice', { timeout: 400_000 }, async () => {
    const { steps, digests: wanted } = await undisturbed();
    expect(steps).toBeGreaterThan(30);
    await each(steps, async (at) => {
      const rig = ownStages(build);
      const when = `killed at step ${at}`;
      expect((await disturbed(rig, 'kill', at)).signal, when).toBe('SIGKILL');
      const wasLive = rig.exists('live.json');
      await expectWhole(rig, wanted, when);
      if (!wasLive) return;
      // The release is known, though the run that made it may never have said so.
      rig.write('deploy.config.ts', pipelineOf(build.replace('{ made: 1 }', '{ made: 2 }')));
      expect((await rig.run('run')).code, when).toBe(0);
      const back = await rig.run('rollback');
      expect(back.code, `${when}\n${back.stderr}`).toBe(0);
      expect(rig.read('applied.txt').trim().split('\n'), when).toEqual(['{"made":1}', '{"made":2}', '{"made":1}']);
    });
  });

  it('a disk that is full is said to be full, and the next run goes on', { timeout: 400_000 }, async () => {
    const { steps, digests: wanted } = await undisturbed();
    await each(steps, async (at) => {
      const rig = ownStages(build);
      const when = `full at step ${at}`;
      const end = await disturbed(rig, 'full', at);
      expect(end.signal, when).toBe(null);
      expect(end.stderr, when).not.toContain('MF9001');
      if (end.code !== 0) {
        expect(end.code, `${when}\n${end.stderr}`).toBe(1);
        expect(end.stderr, when).toContain('MF6002');
      }
      await expectWhole(rig, wanted, when);
    });
  });
});
