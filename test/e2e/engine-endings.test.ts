import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import { cliPath } from '../support/rig.ts';

const one = (run: string, given = '{}'): string => `return { one: stage('one', async ({ out, signal }) => { ${run} })(${given}) };`;

describe('a stage that', () => {
  it('ends the process does not make the run look finished', async () => {
    const rig = ownStages(one('process.exit(0);'));
    const end = await rig.run('run');
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('process.exit');
    expect((await rig.run('plan')).stdout).toContain('failed the last time');
  });

  it('waits for what never comes does not make the run look finished', async () => {
    const end = await ownStages(one('await new Promise(() => {});')).run('run');
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('can no longer happen');
  });

  it('waits for too long is stopped when its time is up', async () => {
    const waits =
      'setInterval(() => undefined, 1_000); await new Promise((_, no) => signal.addEventListener("abort", () => no(new Error("late"))));';
    const end = await ownStages(one(waits, '{ timeoutMs: 200 }')).run('run');
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('MF3002');
  });

  it('is given more days than a timer can count is not stopped at once', async () => {
    const end = await ownStages(one('await pause(50, undefined, { signal }); return {};', '{ timeoutMs: 30 * 86_400_000 }')).run('run');
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).not.toContain('Warning');
  });

  it.each([
    ['a promise', "Promise.reject(new Error('left behind'));"],
    ['a callback', "setTimeout(() => { throw new Error('left behind'); }, 1);"],
  ])('leaves %s behind that fails has failed, and is not called a bug of ours', async (_, act) => {
    const rig = ownStages(one(`${act} await pause(60_000, undefined, { signal }); return {};`));
    const end = await rig.run('run');
    expect(end.code).toBe(1);
    expect(end.stderr).toMatch(/MF3001.*left behind/);
    expect((await rig.run('status')).stdout).toContain('failed');
  });

  it('leaves a timer running does not keep a finished run alive', async () => {
    const end = await ownStages(one('setInterval(() => undefined, 1_000); return {};')).run('run');
    expect(end.code).toBe(0);
  });

  it('throws no error at all has failed', async () => {
    for (const thrown of ['undefined', "'text'", 'Object.create(null)', 'new ModelflowError([])']) {
      const end = await ownStages(one(`throw ${thrown};`)).run('run');
      expect(end.code, thrown).toBe(1);
      expect(end.stderr, thrown).toContain('MF3001');
    }
  });

  it('throws only a warning, or a code of its own, has failed', async () => {
    const warning = await ownStages(one("throw new ModelflowError({ code: 'MF3001', severity: 'warning', message: 'hm' });")).run('run');
    expect(warning.code).toBe(1);
    expect(warning.stderr).toContain('hm');
    const own = await ownStages(one("throw failure('ACME7' as any, 'out of rockets');")).run('run');
    expect(own.code).toBe(1);
    expect(own.stderr).toContain('ACME7: out of rockets');
  });
});

describe('what reads the output', () => {
  it('may go away: a plan ends without a complaint', async () => {
    const rig = ownStages(`return Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => ['node' + at, kept({ at })]));`);
    const child = spawn(process.execPath, [cliPath, 'plan'], { cwd: rig.root, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.once('data', () => child.stdout.destroy());
    let complaint = '';
    child.stderr.on('data', (piece) => {
      complaint += String(piece);
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    expect(complaint).toBe('');
    expect(code).toBe(0);
  });

  it('gets all of a long plan', async () => {
    const rig = ownStages(`return Object.fromEntries(Array.from({ length: 3_000 }, (_, at) => ['node' + at, kept({ at })]));`);
    const { stdout } = await rig.run('plan', '--json');
    expect(JSON.parse(stdout).steps).toHaveLength(3_000);
  });
});

describe('modelflow without a command', () => {
  it('shows its help and exits with 2', async () => {
    const rig = ownStages('return {};');
    for (const args of [[], ['cache']]) {
      const end = await rig.run(...args);
      expect(end.stderr).toContain('Usage: modelflow');
      expect(end.code).toBe(2);
    }
  });
});
