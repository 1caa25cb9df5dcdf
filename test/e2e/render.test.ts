import { expect, test } from 'vitest';
import { ownStages } from '../support/own-stages.ts';

/** A target that cannot be reached, and can be written down in two formats: a file, and a file in each of two folders. */
const target = `
  const target = (name: string) => defineTarget({
    name: 'pages', version: 1, settings: { place: z.string() }, runs: [Anything],
    async check() { return []; },
    async read() { throw new Error('the live world was asked'); },
    async apply() { throw new Error('the live world was changed'); },
    async probe() { return { ok: true as const }; },
    async remove() {},
    renders: ['page', 'book', 'rights'],
    async render({ settings }: any, { service, revisions }: any, format: string, { profile, image }: any) {
      if (format === 'rights') return [{ path: 'rights.txt', text: '# page\\n' + service + ' may\\n' }];
      if (revisions.length === 0) return undefined;
      const text = ['# page', service, settings.place, profile, image, revisions[0].what.facts.words, revisions[0].stamp.length].join('\\n') + '\\n';
      return format === 'page' ? [{ path: service + '.txt', text }] : [{ path: 'a/1.txt', text }, { path: 'b/2.txt', text: '# page\\n' }];
    },
  } as any)({ place: name } as any) as any;
  const put = (service: string, what: any) => stage('put', async () => ({}), {
    inputs: { what: Anything }, options: { service: z.string(), target: z.any() },
    deploys: ({ target, service }: any) => ({ target, service, slot: 'what' }),
  })({ what, service, target: target(profile) });
`;
const pipeline = `${target} const what = kept({ words: 'as made' }); return { what, front: put('front', what), back: put('back', what) };`;

test('a service is rendered from what was made, without asking the live world', async () => {
  const rig = ownStages(pipeline);
  const early = await rig.run('render', 'front');
  expect(early.stderr).toMatch(/MF1206.*`what`, which front is made of, has not been made yet/);
  expect(early.stderr).toContain('modelflow run --only what');
  expect(early.code).toBe(2);
  expect((await rig.run('render', '--format', 'rights', 'front')).stdout).toBe('# page\nfront may\n');
  await rig.run('run', '--only', 'what');
  const first = await rig.run('render', 'front');
  expect(first).toMatchObject({ code: 0, stdout: '# page\nfront\ndev\ndev\n\nas made\n64\n', stderr: '' });
  const named = await rig.run('--profile', 'dev', 'render', 'back', '--image', 'acme/other:1');
  expect(named.stdout).toBe('# page\nback\ndev\ndev\nacme/other:1\nas made\n64\n');
  expect((await rig.run('render')).stdout.match(/^# page$/gm)).toHaveLength(2);
});

test('files are written below --out, again only over what was rendered, and never half', async () => {
  const rig = ownStages(pipeline);
  await rig.run('run', '--only', 'what');
  const refused = await rig.run('render', 'front', '--format', 'book');
  expect(refused).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('MF1241') });
  const written = await rig.run('render', 'front', '--format', 'book', '--out', 'out');
  expect(written).toMatchObject({ code: 0, stdout: 'out/a/1.txt\nout/b/2.txt\n' });
  rig.write('out/a/1.txt', '# page\nolder\n');
  rig.write('out/b/2.txt', 'by hand\n');
  const foreign = await rig.run('render', 'front', '--format', 'book', '--out', 'out');
  expect(foreign.stderr).toMatch(/MF1242.*out\/b\/2\.txt is there already and was not rendered/);
  expect(rig.read('out/a/1.txt')).toBe('# page\nolder\n');
  rig.write('out/b/2.txt', '# page\nolder\n');
  await rig.run('render', 'front', '--format', 'book', '--out', 'out');
  expect([rig.read('out/a/1.txt').length > 20, rig.read('out/b/2.txt')]).toEqual([true, '# page\n']);
});

test('a format or a service that is not there is named with those that are', async () => {
  const rig = ownStages(pipeline);
  const format = await rig.run('render', 'front', '--format', 'yaml');
  expect(format.stderr).toMatch(/MF1240.*the target pages of front cannot be rendered as yaml[\s\S]*page, book, rights/);
  const every = await rig.run('render', '--format', 'yaml');
  expect(every.stderr).toMatch(/MF1240.*no service of the pipeline can be rendered as yaml[\s\S]*page, book, rights/);
  expect((await rig.run('render', 'frond')).stderr).toMatch(/there is no service `frond`[\s\S]*Did you mean `front`/);
});
