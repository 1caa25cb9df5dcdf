import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import { filesBelow, type Rig } from '../support/rig.ts';

const one = (run: string, given = '{}'): string =>
  `return { one: stage('one', async ({ out, signal, process: programs, log }) => { ${run} })(${given}) };`;

/** Beside a stage that does this there is one that is at work when it happens, and ends after. */
const beside = (run: string): string => `
  const bad = stage('bad', async () => { while (!existsSync('begun')) await pause(5); ${run} });
  const good = stage('good', async () => { writeFileSync('begun', ''); while (!existsSync('go')) await pause(5); return {}; });
  return { bad: bad({}), good: good({}) };`;

async function failsAlone(rig: Rig, words: string | RegExp, more = {}): Promise<void> {
  const run = rig.start(['run', '--concurrency', '2'], more);
  await run.says('[bad] FAILED');
  rig.write('go', '');
  const end = await run.finished;
  expect(end.code).toBe(1);
  expect(end.stderr).toMatch(words);
  expect(end.stderr).toContain('[good] done');
  expect(end.stderr).not.toContain('MF9001');
}

describe('a stage of the user that', () => {
  it.each([
    ['ends its process', 'process.exit(0);', /MF3007.*exit code 0 \(`process.exit`\)/],
    ['crashes in native code', "process.kill(process.pid, 'SIGSEGV'); await pause(60_000);", /MF3007.*SIGSEGV/],
    ['is killed by the system', "process.kill(process.pid, 'SIGKILL'); await pause(60_000);", /MF3008.*SIGKILL/],
    ['leaves a callback behind that throws', "setTimeout(() => { throw new Error('late'); }, 1); await pause(60_000);", /MF3001.*late/],
    ['waits for what never comes', 'await new Promise(() => {});', /MF3007.*can no longer happen/],
  ])('%s fails alone', async (_, run, words) => {
    await failsAlone(ownStages(beside(run)), words);
  });

  it('fills the memory fails alone, and the words say what it was', async () => {
    const flood = 'const kept_ = []; for (;;) kept_.push(new Array(1e5).fill(kept_.length + 0.5));';
    await failsAlone(ownStages(beside(flood)), /MF3008.*JavaScript heap/, { env: { NODE_OPTIONS: '--max-old-space-size=96' } });
  });

  it('writes JSON of its own where its host reports is only heard', async () => {
    const writes = `const { writeSync } = await import('node:fs'); writeSync(3, '{"said":null}\\n{"said":{"type":"done"}}\\n[]\\n'); return {};`;
    const end = await ownStages(one(writes)).run('run');
    expect(end.code, end.stderr).toBe(0);
    expect(end.stderr).toContain('{"said":null}');
  });

  it('computes without end is stopped when its time is up', async () => {
    const end = await ownStages(one('for (;;);', '{ timeoutMs: 300 }')).run('run');
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('MF3002');
  });

  it('prints and logs is heard by line, without colours', async () => {
    const rig = ownStages(
      one("console.log('first'); log.warn('second'); log.progress(0.5, 'half'); console.error('\\u001b[31mthird\\u001b[0m'); return {};"),
    );
    const end = await rig.run('run', '--json');
    const events = end.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const lines = events.filter((event) => event.type === 'node-output').map(({ level, line }) => `${level} ${line}`);
    expect(lines.sort()).toEqual(['info first', 'info third', 'warn second']);
    expect(events).toContainEqual(expect.objectContaining({ type: 'node-progress', node: 'one', fraction: 0.5, doing: 'half' }));
  });

  it('returns facts that are none is told so by the same words as ever', async () => {
    const end = await ownStages(one('return { when: new Date(0) };')).run('run');
    expect(end.stderr).toMatch(/MF3004.*Date/);
  });

  it('still works when it has changed its folder and its environment, and the next one sees nothing of it', async () => {
    const rig = ownStages(`
      const one = stage('one', async () => { process.chdir('/'); process.env['SEEN'] = 'yes'; return { pid: process.pid }; })({});
      const two = stage('two', async ({ inputs }) => ({ cwd: process.cwd(), seen: process.env['SEEN'] ?? 'no', same: inputs.one.facts.pid === process.pid }), { inputs: { one: Anything } })({ one });
      return { two };`);
    expect((await rig.run('run')).code).toBe(0);
    const { facts } = JSON.parse((await rig.run('inspect', 'two', '--json')).stdout);
    expect(facts).toEqual({ cwd: rig.root, seen: 'no', same: false });
  });
});

describe('what a stage of the user has started', () => {
  const spawned = `
    const { spawn } = await import('node:child_process');
    const own = spawn('sleep', ['600'], { stdio: 'ignore' });
    void programs.run({ command: 'sh', args: ['-c', 'echo $$ > ours; sleep 600 & echo $! > theirs; wait'] }).catch(() => undefined);
    while (!['ours', 'theirs'].every((name) => existsSync(name) && readFileSync(name, 'utf8') !== '')) await pause(5);
    writeFileSync('own', String(own.pid));
    console.log('all started');
    await pause(600_000);`;
  const pids = (rig: Rig): readonly number[] => ['own', 'ours', 'theirs'].map((name) => Number(rig.read(name)));

  it('is stopped with it when its time is up', async () => {
    const rig = ownStages(one(spawned, '{ timeoutMs: 3_000 }'));
    const end = await rig.run('run');
    expect(end.stderr).toContain('all started');
    expect(end.stderr).toContain('MF3002');
    await expect.poll(() => pids(rig).filter(isThere)).toEqual([]);
  });

  it.each(['SIGINT', 'SIGKILL'] as const)('is gone when the run is ended by %s', async (signal) => {
    const rig = ownStages(one(spawned));
    const run = rig.start(['run']);
    await run.says('all started');
    expect(pids(rig).filter(isThere)).toHaveLength(3);
    run.child.kill(signal);
    await run.finished;
    await expect.poll(() => pids(rig).filter(isThere)).toEqual([]);
  });

  it('stands in the journal, as does its own process', async () => {
    const rig = ownStages(one("await programs.run({ command: 'sh', args: ['-c', 'echo $$ > ours'] }); return { pid: process.pid };"));
    expect((await rig.run('run')).code).toBe(0);
    const journal = filesBelow(rig.root).find((name) => name.endsWith('journal.ndjson')) ?? '';
    const events = rig
      .read(journal)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line.slice(line.indexOf('{'))));
    const started = events.filter((event) => event.type === 'child-started').map((event) => event.pid);
    const made = events.find((event) => event.type === 'node-finished');
    expect(started).toEqual([made.facts.pid, Number(rig.read('ours'))]);
  });
});

describe('a configuration that', () => {
  it('is changed while a stage runs does not change what comes after', async () => {
    const rig = ownStages(`
      const one = stage('one', async ({ signal }) => { console.log('here'); while (!existsSync('go')) await pause(5, undefined, { signal }); return {}; })({});
      const two = stage('two', async ({ options }) => ({ size: options.size }), { inputs: { one: Anything }, options: { size: z.number() } });
      return { two: two({ one, size: 1, retries: 3 }) };`);
    const run = rig.start(['run']);
    await run.says('here');
    rig.write('deploy.config.ts', rig.read('deploy.config.ts').replace('size: 1', 'size: 2'));
    rig.write('go', '');
    const end = await run.finished;
    expect(end.code).toBe(1);
    expect(end.stderr).toContain('MF3006');
    expect(end.stderr).toContain('option `size`');
    expect(end.stderr).not.toContain('attempt 2');
    expect((await rig.run('run')).code).toBe(0);
    expect(JSON.parse((await rig.run('inspect', 'two', '--json')).stdout).facts).toEqual({ size: 2 });
  });

  it('gives something else each time is found out', async () => {
    const rig = ownStages("return { one: stage('one', async () => ({}), { options: { seed: z.number() } })({ seed: Math.random() }) };");
    const end = await rig.run('run');
    expect(end.stderr).toMatch(/MF3006.*option `seed`/);
    expect(end.stderr).toContain('a random number');
  });
});

describe('a stage of a package', () => {
  it('runs in the process of the CLI, as the built-in ones do', async () => {
    const rig = ownStages("return { theirs: theirs({}), own: stage('own', async () => ({ parent: process.ppid }))({}) };", {
      'node_modules/acme/package.json': '{ "name": "acme", "version": "1.0.0", "type": "module", "exports": "./index.js" }',
      'node_modules/acme/index.js': `import { defineArtifact, defineStage, z } from 'modelflow';
        const output = defineArtifact('pid', z.object({ pid: z.number() }));
        export const theirs = defineStage({ name: 'acme/theirs', version: 1, inputs: {}, options: {}, output, run: async () => ({ pid: process.pid }) });`,
    });
    rig.write('deploy.config.ts', `import { theirs } from 'acme';\n${rig.read('deploy.config.ts')}`);
    const run = rig.start(['run']);
    expect((await run.finished).code).toBe(0);
    expect(JSON.parse((await rig.run('inspect', 'theirs', '--json')).stdout).facts).toEqual({ pid: run.child.pid });
  });
});

/** Neither gone nor a zombie that nobody has looked after yet. */
function isThere(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    // No such process.
    return false;
  }
}
