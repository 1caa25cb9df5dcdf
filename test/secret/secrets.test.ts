import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import { type Finished, filesBelow, type Rig } from '../support/rig.ts';

const value = 'c0rrect-horse/battery+"staple"';
const env = { HF_TOKEN: value };

const encodings: Readonly<Record<string, string>> = {
  plain: value,
  JSON: JSON.stringify(value).slice(1, -1),
  base64: Buffer.from(value).toString('base64').replace(/=+$/, '').slice(0, -1),
  'base64 of a longer text': Buffer.from(`xy${value}z`).toString('base64').slice(4, 36),
  hex: Buffer.from(value).toString('hex'),
  URL: encodeURIComponent(value),
};

/** Every place that modelflow wrote to: all bytes of the store, and what was said. */
function leaks(rig: Rig, said: readonly Finished[]): readonly string[] {
  const places = filesBelow(rig.path('.modelflow')).map((name): readonly [string, Buffer] => [
    name,
    readFileSync(rig.path(join('.modelflow', name))),
  ]);
  for (const [index, { stdout, stderr }] of said.entries())
    places.push([`stdout ${index}`, Buffer.from(stdout)], [`stderr ${index}`, Buffer.from(stderr)]);
  return places.flatMap(([place, bytes]) =>
    Object.entries(encodings).flatMap(([encoding, form]) => (bytes.includes(form) ? [`${place}: ${encoding}`] : [])),
  );
}

const run = (rig: Rig, args: readonly string[] = ['run'], more: Readonly<Record<string, string>> = env): Promise<Finished> =>
  rig.start(args, { env: more }).finished;

const using = (body: string, given = "secret('HF_TOKEN')"): string => `
  const fetched = stage('fetched', async ({ options, out, log, process }) => { const token = options.token.reveal(); ${body} },
    { options: { token: secretText(), length: z.number().default(1) } });
  return { fetched: fetched({ token: ${given} }) };`;

describe('a secret', () => {
  it('reaches the stage, and none of its forms reaches plan, journal, log, store or terminal', async () => {
    const rig = ownStages(
      using(`
        writeFileSync('seen.txt', token);
        log.info('asked with ' + token); log.warn(JSON.stringify({ token })); log.progress(0.5, 'Authorization: Basic ' + Buffer.from('xy' + token + 'z').toString('base64'));
        console.log('to stdout ' + token); console.error('to stderr ' + encodeURIComponent(token));
        console.log(options, JSON.stringify(options));
        await process.run({ command: 'sh', args: ['-c', 'echo child $TOKEN'], env: { TOKEN: token }, onLine: (line) => log.info(line) });
        return { length: token.length };`),
    );
    const said = [await run(rig, ['plan', '--json']), await run(rig), await run(rig, ['run', '--json', '--force'])];
    said.push(
      await run(rig, ['logs', 'fetched']),
      await run(rig, ['inspect', 'fetched', '--json']),
      await run(rig, ['plan', '--format', 'markdown']),
    );
    expect(said.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(rig.read('seen.txt')).toBe(value);
    expect(said[3]?.stdout).toContain('asked with [secret HF_TOKEN]');
    expect(said[3]?.stdout).toContain('child [secret HF_TOKEN]');
    expect(leaks(rig, said)).toEqual([]);
  });

  it('is kept out of the error of a stage that failed with it', async () => {
    const rig = ownStages(using(`throw new Error('401 for ' + token, { cause: new Error(token) });`));
    const ended = await run(rig);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('401 for [secret HF_TOKEN]');
    expect(leaks(rig, [ended])).toEqual([]);
  });

  it.each([
    ['a file', `writeFileSync(join(out, 'config.ini'), 'x'.repeat(3_000_000) + token); return {};`, 'config.ini'],
    ['base64 in a file', `writeFileSync(join(out, 'netrc'), Buffer.from('u:' + token).toString('base64')); return {};`, 'netrc'],
    ['the name of a file', `writeFileSync(join(out, encodeURIComponent(token)), ''); return {};`, 'the name of the file'],
    ['the name of a folder', `mkdirSync(join(out, encodeURIComponent(token))); return {};`, 'the name of the file'],
    ['its facts', 'return { token };', 'facts'],
  ])('is not stored when a stage writes it into %s', async (_, body, named) => {
    const rig = ownStages(using(body));
    const ended = await run(rig);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('MF1113');
    expect(ended.stderr).toContain(named);
    expect(leaks(rig, [ended])).toEqual([]);
    expect(filesBelow(rig.path('.modelflow/artifacts'))).toEqual([]);
  });

  it('is asked for before anything is begun, and a plan does without', async () => {
    const rig = ownStages(`
      const first = stage('first', async () => { writeFileSync('begun.txt', ''); return {}; })({});
      const second = stage('second', async () => ({}), { inputs: { first: Anything }, options: { token: secretText() } })({ first, token: secret('HF_TOKEN') });
      return { first, second };`);
    expect((await run(rig, ['plan'], {})).code).toBe(0);
    const ended = await run(rig, ['run'], {});
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(/MF1111.*HF_TOKEN is not set/);
    expect(ended.stderr).toContain('deploy.config.ts');
    expect(existsSync(rig.path('begun.txt'))).toBe(false);
  });

  it('that is rotated changes nothing that was made; another secret does', async () => {
    const rig = ownStages(using('return {};'));
    expect((await run(rig)).code).toBe(0);
    expect((await run(rig, ['plan', '--detailed-exitcode'], { HF_TOKEN: 'another value' })).code).toBe(0);
    rig.write('deploy.config.ts', rig.read('deploy.config.ts').replace("secret('HF_TOKEN')", "secret('OTHER')"));
    const plan = await run(rig, ['plan', '--detailed-exitcode']);
    expect(plan.code).toBe(10);
    expect(plan.stdout).toContain('OTHER');
  });

  it.each([
    ['a file', "secret('HF_TOKEN', { file: './token.txt' })"],
    ['a command', "secret('HF_TOKEN', { command: ['sh', '-c', 'cat token.txt'] })"],
  ])('can come from %s', async (_, given) => {
    const rig = ownStages(using(`writeFileSync('seen.txt', token); log.info(token); return {};`, given), { 'token.txt': `${value}\n` });
    const ended = await run(rig, ['run'], {});
    expect(ended.code).toBe(0);
    expect(rig.read('seen.txt')).toBe(value);
    expect(leaks(rig, [ended])).toEqual([]);
  });

  it.each([
    ["secret('HF_TOKEN', { file: './no.txt' })", /MF1111.*no\.txt cannot be read \(ENOENT\)/],
    ["secret('HF_TOKEN', { command: ['sh', '-c', 'echo half-a-$(echo secret); exit 3'] })", /MF1111.*`sh` failed \(exit code 3\)/],
    ["secret('HF_TOKEN', { command: ['sh', '-c', 'printf ab'] })", /MF1111.*2 characters/],
    ["secret('not a name')", /MF1111.*"not a name" is no name/],
    ["secret('HF_TOKEN', { vault: 'x' } as any)", /MF1111.*does not say where/],
    ["secret('HF_TOKEN').reveal()", /MF1112/],
    ["'written down'", /MF1101.*option `token`/],
  ])('given as %s is refused with the reason', async (given, reason) => {
    const ended = await run(ownStages(using('return {};', given)), ['run'], {});
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(reason);
    expect(ended.stderr).not.toContain('half-a-secret');
  });

  it('in the settings of a target is known to the target only, also when an earlier release is put back', async () => {
    const rig = ownStages(`
      const place = defineTarget({ name: 'place', version: 1, settings: { token: secretText() }, runs: [Anything], check: async () => [], remove: async () => undefined, probe: async () => ({ ok: true as const }),
        read: async (_, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
        apply: async (ctx, want) => {
          appendFileSync('used.txt', ctx.settings.token.reveal() + '\\n');
          ctx.log.info('logged in with ' + ctx.settings.token.reveal());
          const live = { service: want.service, url: undefined, revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: ctx.settings };
          writeFileSync('live.json', JSON.stringify(live));
          return live as any;
        } });
      const put = stage('put', async () => ({}), { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
      const made = stage('made', async ({ options }) => options, { options: { name: z.string() } });
      return { live: put({ what: made({ name: 'one' }), target: (place as any)({ token: secret('HF_TOKEN') }) }) };`);
    const said = [await run(rig)];
    rig.write('deploy.config.ts', rig.read('deploy.config.ts').replace("'one'", "'two'"));
    said.push(await run(rig), await run(rig, ['rollback']), await run(rig, ['status', '--json'], {}));
    expect(said.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(rig.read('used.txt').trim().split('\n')).toEqual([value, value, value]);
    expect(leaks(rig, said)).toEqual([]);
    expect(rig.read('live.json')).not.toContain(value);
  });
});
