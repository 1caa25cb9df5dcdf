import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import { filesBelow, makeRig, type Rig, stagesModule } from '../support/rig.ts';
import { lifeSign, temporaryFolder } from '../world/kit.ts';

const config = `
import { definePipeline } from 'modelflow';
import { first, source, upper } from './stages';
export default definePipeline({ name: 'letters', build: () => {
  const text = source({ path: './a.txt' });
  const big = upper({ text, waitFor: process.env.GO });
  return { text, big, initial: first({ text: big }) };
} });
`;

const held = (): Rig => makeRig({ 'a.txt': 'hello\n', 'stages.ts': stagesModule, 'deploy.config.ts': config });

/** Digests of the artifacts in the store: the same bytes give the same ones on every machine. */
const artifacts = (rig: Rig): readonly string[] =>
  [...new Set(filesBelow(rig.path('.modelflow/artifacts')).map((path) => path.split('/')[1] ?? ''))].sort();

describe('a killed run', () => {
  it('is finished by the next one: what was done is reused, what was interrupted is done again, and the bytes are the same', async () => {
    const undisturbed = held();
    undisturbed.write('go', '');
    await undisturbed.start(['run'], { env: { GO: undisturbed.path('go') } }).finished;

    const rig = held();
    const go = { GO: rig.path('go') };
    const run = rig.start(['run'], { env: go });
    await run.says('upper says');
    run.child.kill('SIGKILL');
    expect((await run.finished).signal).toBe('SIGKILL');
    expect(
      readFileSync(rig.path(filesBelow(rig.root).find((path) => path.includes('work/') && path.endsWith('text.txt')) ?? '?'), 'utf8'),
    ).toBe('half');
    rig.write('go', '');
    const plan = await rig.start(['plan'], { env: go }).finished;
    expect(plan.stdout).toMatch(/run\s+big\s.*interrupted/);
    const again = await rig.start(['run'], { env: go }).finished;
    expect(again.code).toBe(0);
    expect(rig.notes()).toEqual(['source hello', 'upper HELLO', 'upper HELLO', 'first H']);
    expect(filesBelow(rig.path('.modelflow/work'))).toEqual([]);
    // The option `waitFor` holds the path of the rig, so only the digests of what the stages made are compared.
    expect(artifacts(rig)).toEqual(artifacts(undisturbed));
    expect((await rig.run('cache', 'verify')).code).toBe(0);
  });

  it('survives being killed again and again at any moment', async () => {
    const rig = makeRig({ 'a.txt': 'hello\n', 'stages.ts': stagesModule, 'deploy.config.ts': config });
    rig.write('go', '');
    const go = { GO: rig.path('go') };
    let killed = 0;
    for (let waitMs = 60; killed < 40 && waitMs < 2_000; waitMs += 8) {
      const run = rig.start(['run', '--force'], { env: go });
      const timer = setTimeout(() => run.child.kill('SIGKILL'), waitMs);
      const end = await run.finished;
      clearTimeout(timer);
      if (end.signal === 'SIGKILL') killed++;
      else if (end.code !== 0) throw new Error(end.stderr);
      else break;
    }
    expect(killed).toBeGreaterThan(5);
    expect((await rig.start(['run'], { env: go }).finished).code).toBe(0);
    expect((await rig.run('cache', 'verify')).stdout).toMatch(/, 0 damaged/);
  });

  it('on Ctrl-C ends with exit code 130, and the next run goes on', async () => {
    const rig = held();
    const go = { GO: rig.path('go') };
    const run = rig.start(['run'], { env: go });
    await run.says('upper says');
    run.child.kill('SIGINT');
    const end = await run.finished;
    expect(end.code).toBe(130);
    expect(end.stderr).toContain('run again to go on');
    rig.write('go', '');
    expect((await rig.start(['run'], { env: go }).finished).code).toBe(0);
    expect(rig.notes()).toEqual(['source hello', 'upper HELLO', 'upper HELLO', 'first H']);
  });
});

describe('a process that left the group of its stage', () => {
  it('is ended by the next run before any work is done again', async () => {
    const alive = lifeSign(temporaryFolder());
    const rig = ownStages(`
      const made = stage('made', async ({ process }) => {
        if (existsSync('go')) return {};
        await process.run({ command: 'sh', args: ['-c', \`exec 5>${alive.path}; setsid sh -c 'echo gone >&5; while :; do sleep 1; done' & wait\`] });
        return {};
      })({});
      return { made };`);
    const killed = rig.start(['run']);
    expect(await alive.line()).toBe('gone');
    killed.child.kill('SIGKILL');
    await killed.finished;
    rig.write('go', '');
    expect((await rig.run('run')).code).toBe(0);
    await alive.closed;
  });
});

describe('the lock', () => {
  it('refuses a second run and says who holds it', async () => {
    const rig = held();
    const go = { GO: rig.path('go') };
    const run = rig.start(['run'], { env: go });
    await run.says('upper says');
    const second = await rig.start(['run'], { env: go }).finished;
    expect(second.code).toBe(6);
    expect(second.stderr).toContain('MF6001');
    expect(second.stderr).toContain(`process ${run.child.pid}`);
    expect((await rig.start(['status'], { env: go }).finished).stdout).toContain(
      `locked by process ${run.child.pid} of ${userInfo().username} on ${hostname()}, since`,
    );
    rig.write('go', '');
    expect((await run.finished).code).toBe(0);
    expect((await rig.start(['run'], { env: go }).finished).code).toBe(0);
  });

  it('of a dead run is taken over, also when its pid belongs to another process by now', async () => {
    const rig = held();
    rig.write('go', '');
    const go = { GO: rig.path('go') };
    await rig.start(['run'], { env: go }).finished;
    const folder = rig.path('.modelflow/locks/letters/default');
    const [name = ''] = filesBelow(folder);
    const lock = { ...JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')), released: false, pid: process.pid, startedAt: '1' };
    writeFileSync(`${folder}/${name}`, JSON.stringify(lock));
    expect((await rig.start(['run'], { env: go }).finished).code).toBe(0);
  });

  it('from another machine holds until it is broken by `unlock`', async () => {
    const rig = held();
    rig.write('go', '');
    const go = { GO: rig.path('go') };
    await rig.start(['run'], { env: go }).finished;
    const folder = rig.path('.modelflow/locks/letters/default');
    const [name = ''] = filesBelow(folder);
    const lock = { ...JSON.parse(readFileSync(`${folder}/${name}`, 'utf8')), released: false, host: 'elsewhere' };
    writeFileSync(`${folder}/${name}`, JSON.stringify(lock));
    const refused = await rig.start(['run'], { env: go }).finished;
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('modelflow unlock');
    expect((await rig.start(['unlock'], { env: go }).finished).stdout).toContain('elsewhere');
    expect((await rig.start(['run'], { env: go }).finished).code).toBe(0);
  });

  it('lets one of many runs that begin at the same moment through at a time', async () => {
    const rig = held();
    rig.write('go', '');
    const go = { GO: rig.path('go') };
    const ends = await Promise.all(Array.from({ length: 6 }, () => rig.start(['run'], { env: go }).finished));
    expect(ends.map((end) => end.code).filter((code) => code !== 0 && code !== 6)).toEqual([]);
    expect(ends.some((end) => end.code === 0)).toBe(true);
    expect([...rig.notes()].sort()).toEqual(['first H', 'source hello', 'upper HELLO']);
  });
});

describe('a damaged artifact', () => {
  it('is found by `cache verify`, set aside, and made again', async () => {
    const rig = held();
    rig.write('go', '');
    const go = { GO: rig.path('go') };
    await rig.start(['run'], { env: go }).finished;
    const victim = filesBelow(rig.path('.modelflow/artifacts')).find(
      (path) => path.endsWith('text.txt') && readFileSync(rig.path(`.modelflow/artifacts/${path}`), 'utf8') === 'HELLO',
    );
    rig.write(`.modelflow/artifacts/${victim}`, 'JELLO');
    const verify = await rig.run('cache', 'verify');
    expect(verify.code).toBe(1);
    expect(verify.stdout).toContain('1 damaged');
    expect(existsSync(rig.path(`.modelflow/artifacts/${victim}`))).toBe(false);
    expect((await rig.start(['run'], { env: go }).finished).code).toBe(0);
    expect(rig.notes().slice(3)).toEqual(['upper HELLO']);
  });

  const damage = (rig: Rig, was: string, is: string): void => {
    const artifacts = filesBelow(rig.path('.modelflow/artifacts')).filter((path) => path.endsWith('text.txt'));
    const victim = artifacts.find((path) => rig.read(`.modelflow/artifacts/${path}`) === was);
    rig.write(`.modelflow/artifacts/${victim}`, is);
  };

  it('is never handed to a stage: it is set aside, made again with all that it needs, and the run goes on', async () => {
    const rig = held();
    rig.write('go', '');
    const go = { GO: rig.path('go') };
    await rig.start(['run'], { env: go }).finished;
    damage(rig, 'HELLO', 'JELLO');
    damage(rig, 'hello', 'jello');
    const run = await rig.start(['run', '--force', 'initial'], { env: go }).finished;
    expect(run.code, run.stderr).toBe(0);
    expect(run.stderr.match(/was damaged/g)).toHaveLength(2);
    expect(rig.notes().slice(-3)).toEqual(['source hello', 'upper HELLO', 'first H']);
    expect((await rig.run('cache', 'verify')).code).toBe(0);
    expect((await rig.start(['plan', '--detailed-exitcode'], { env: go }).finished).code).toBe(0);
  });

  it('that comes out otherwise than it was stops the run, and the next one settles it', async () => {
    const rig = ownStages(`
      const made = stage('made', async ({ out }) => { writeFileSync(join(out, 'now.txt'), String(process.hrtime.bigint())); return {}; })({});
      const read = stage('read', async ({ inputs }) => ({ text: readFileSync(join(inputs.made.path, 'now.txt'), 'utf8') }), { inputs: { made: Anything } })({ made });
      return { made, read };`);
    await rig.run('run');
    const victim = filesBelow(rig.path('.modelflow/artifacts')).find((path) => path.endsWith('now.txt')) ?? '';
    rig.write(`.modelflow/artifacts/${victim}`, rig.read(`.modelflow/artifacts/${victim}`).replace(/./, 'x'));
    const run = await rig.run('run', '--force', 'read');
    expect(run.code).toBe(1);
    expect(run.stderr).toMatch(/MF6005.*came out otherwise/);
    expect((await rig.run('run')).code).toBe(0);
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(0);
  });

  it('is not deployed', async () => {
    const rig = ownStages(`
      const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything], check: async () => [], remove: async () => undefined, probe: async () => ({ ok: true as const }),
        read: async (_, service) => ({ service, url: undefined, revisions: [], token: '', settings: {} }),
        apply: async (_, want) => {
          appendFileSync('deployed.txt', readFileSync(join(want.revisions[0]!.what.path, 'a.txt'), 'utf8') + '\\n');
          return { service: want.service, url: 'x:', revisions: [{ id: '1', stamp: want.revisions[0]!.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} } as any;
        } });
      const put = stage('put', async () => ({}), { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
      return { live: put({ what: kept({ name: 'x' }), target: (place as any)() }) };`);
    expect((await rig.run('run')).code).toBe(0);
    const victim = filesBelow(rig.path('.modelflow/artifacts')).find((path) => path.endsWith('a.txt')) ?? '';
    rig.write(`.modelflow/artifacts/${victim}`, 'b');
    expect((await rig.run('run')).code).toBe(0);
    expect(rig.read('deployed.txt').trim().split('\n')).toEqual(['a', 'a']);
  });
});
