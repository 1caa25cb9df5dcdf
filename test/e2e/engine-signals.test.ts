import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';

/** What is held back until `go` is there says `here` first. */
const waiting = "console.error('here'); while (!existsSync('go')) await pause(5, undefined, { signal });";

describe.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s', (signal) => {
  it('while planning stops with 130 and holds no lock', async () => {
    const rig = ownStages(
      `return { one: stage('one', async () => ({}), { tools: async () => { const signal = undefined; ${waiting} return {}; } })({}) };`,
    );
    const run = rig.start(['run']);
    await run.says('here');
    run.child.kill(signal);
    await run.says('stopping');
    rig.write('go', '');
    expect((await run.finished).code).toBe(130);
    expect((await rig.run('status')).stdout).not.toContain('locked');
    expect((await rig.run('run')).code).toBe(0);
  });

  it('while a stage is at work stops it, and the next run goes on', async () => {
    const rig = ownStages(`return { one: stage('one', async ({ signal }) => { ${waiting} return {}; })({}) };`);
    const run = rig.start(['run']);
    await run.says('here');
    run.child.kill(signal);
    const end = await run.finished;
    expect(end.code).toBe(130);
    expect((await rig.run('plan')).stdout).toContain('interrupted');
    rig.write('go', '');
    expect((await rig.run('run')).code).toBe(0);
  });
});

describe('Ctrl-C', () => {
  it('in the pause before another try ends the pause', async () => {
    const rig = ownStages("return { one: stage('one', async () => { throw new Error('no'); })({ retries: 20 }) };");
    const run = rig.start(['run']);
    await run.says('attempt 4 failed');
    run.child.kill('SIGINT');
    const end = await run.finished;
    expect(end.code).toBe(130);
    expect(end.stderr).not.toContain('attempt 5');
  });

  it('twice ends at once a stage that does not listen', async () => {
    const rig = ownStages("return { one: stage('one', async () => { console.error('here'); await pause(60_000); return {}; })({}) };");
    const run = rig.start(['run']);
    await run.says('here');
    run.child.kill('SIGINT');
    await run.says('once more');
    run.child.kill('SIGINT');
    const end = await run.finished;
    expect(end.code).toBe(130);
    expect(end.stderr).not.toContain('did not come to its end');
    expect((await rig.run('run', '--dry-run')).code).toBe(0);
  });

  it('while a release is rolled out stops with 130, and the next run finishes it', async () => {
    const rig = ownStages(`
      const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything],
        check: async () => [], probe: async () => ({ ok: true as const }), remove: async () => undefined,
        read: async (ctx, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
        apply: async (ctx, want) => {
          const { signal } = ctx; ${waiting}
          const live = { service: want.service, url: 'http://there', revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
          writeFileSync('live.json', JSON.stringify(live));
          return live as any;
        } });
      const put = stage('put', async ({ live }) => ({ url: live.url }),
        { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
      return { live: put({ what: kept({}), target: (place as any)() }) };`);
    const run = rig.start(['run']);
    await run.says('here');
    run.child.kill('SIGINT');
    expect((await run.finished).code).toBe(130);
    expect(rig.exists('live.json')).toBe(false);
    rig.write('go', '');
    expect((await rig.run('run')).code).toBe(0);
    expect(rig.exists('live.json')).toBe(true);
  });
});
