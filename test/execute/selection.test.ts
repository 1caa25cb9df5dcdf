import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import type { Rig } from '../support/rig.ts';

/** a → b → c, a → d; each notes that it ran. */
const chain = `
  const noted = (name) => stage(name, async () => { appendFileSync('ran.txt', name); return { name }; }, { inputs: { from: optional(Anything) } });
  const a = noted('a')({});
  const b = noted('b')({ from: a });
  return { a, b, c: noted('c')({ from: b }), d: noted('d')({ from: a }) };`;

async function ranBy(rig: Rig, ...args: string[]): Promise<string> {
  rig.write('ran.txt', '');
  const end = await rig.run('run', '--concurrency', '1', ...args);
  expect(end.code, end.stderr).toBe(0);
  return rig.read('ran.txt');
}

describe('--from', () => {
  it('makes the stage and all that is made of it again, and nothing beside', async () => {
    const rig = ownStages(chain);
    expect((await ranBy(rig)).split('').toSorted().join('')).toBe('abcd');
    expect(await ranBy(rig)).toBe('');
    expect(await ranBy(rig, '--from', 'b')).toBe('bc');
    expect(await ranBy(rig, '--from', 'b', '--only', 'b')).toBe('b');
    expect(await ranBy(rig, '--from', 'b', '--force', 'a')).toBe('abc');
    expect(await ranBy(rig)).toBe('');
  });

  it('makes what the stage needs when that is not there', async () => {
    expect(await ranBy(ownStages(chain), '--from', 'b')).toBe('abc');
  });

  it('is shown by the plan with its reason', async () => {
    const rig = ownStages(chain);
    await ranBy(rig);
    const { steps } = JSON.parse((await rig.run('plan', '--from', 'b', '--json')).stdout);
    expect(steps.map((step: { node: string; do: string }) => `${step.node} ${step.do}`)).toEqual(['a reuse', 'b run', 'c decide-later']);
    expect((await rig.run('plan', '--from', 'b')).stdout).toContain('after b; forced');
  });

  it('compares a deployment with what is live, as always', async () => {
    const rig = ownStages(`
      const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything],
        check: async () => [], probe: async () => ({ ok: true as const }), remove: async () => undefined,
        read: async (ctx, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
        apply: async (ctx, want) => {
          appendFileSync('applied.txt', 'x');
          const live = { service: want.service, url: 'http://there', revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
          writeFileSync('live.json', JSON.stringify(live));
          return live as any;
        } });
      const put = stage('put', async ({ live }) => ({ url: live.url }), { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
      const model = kept({});
      return { model, live: put({ what: model, target: (place as any)() }) };`);
    expect((await rig.run('run')).code).toBe(0);
    const again = await rig.run('run', '--from', 'model');
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).toContain('[model] done');
    expect(rig.read('applied.txt')).toBe('x');
  });
});

describe('options that contradict each other', () => {
  it.each([
    ['--force b --only a', '--force b: not among'],
    ['--from b --only a', '--from b: not among'],
    ['--from b --force', 'Leave out one'],
    ['--force d --from b', '--force d: not among'],
  ])('are refused instead of one being left out: %s', async (words, said) => {
    const rig = ownStages(chain);
    for (const command of ['plan', 'run']) {
      const end = await rig.run(command, ...words.split(' '));
      expect(end.code).toBe(2);
      expect(end.stderr).toContain('MF1207');
      expect(end.stderr).toContain(said);
    }
    expect(rig.exists('ran.txt')).toBe(false);
  });
});
