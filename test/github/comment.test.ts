import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';
import { step } from './job.ts';
import { commandsIn } from './runner.ts';
import { bot, githubServer } from './server.ts';

const marker = '<!-- modelflow plan: own/dev -->';
const changes = 'return { a: kept({ size: 1 }) };';

describe('the comment on a pull request', () => {
  it('is made once, and brought up to date by later runs', async () => {
    const server = await githubServer();
    const rig = ownStages(changes);
    const first = await step(rig, ['plan', '--github'], { server, runId: 100 });
    expect(first.code).toBe(0);
    expect(server.comments.map(({ body }) => body.split('\n')[0])).toEqual([marker]);
    expect(server.comments[0]?.body).toMatch(/1 to run[\s\S]*`a`[\s\S]*never ran before[\s\S]*actions\/runs\/100"/);
    await rig.run('run');
    const second = await step(rig, ['plan', '--github'], { server, runId: 101 });
    expect(server.comments).toHaveLength(1);
    expect(server.comments[0]?.body).toMatch(/Nothing to do[\s\S]*actions\/runs\/101"/);
    expect(second.outputs['comment-url']).toBe(first.outputs['comment-url']);
  });

  it('is one for each profile, and found on whatever page it is', async () => {
    const server = await githubServer(2);
    for (let index = 0; index < 5; index++) server.say(`talk ${index}`, { login: 'ann', type: 'User' });
    const rig = ownStages(changes);
    for (const profile of ['dev', 'other', 'dev', 'other']) await step(rig, ['plan', '--profile', profile, '--github'], { server });
    const ours = server.comments.filter(({ body }) => body.startsWith('<!--')).map(({ body }) => body.split('\n')[0]);
    expect(ours).toEqual([marker, '<!-- modelflow plan: own/other -->']);
  });

  it('is not begun where nothing would change', async () => {
    const server = await githubServer();
    const rig = ownStages(changes);
    await rig.run('run');
    await step(rig, ['plan', '--github'], { server });
    expect(server.comments).toEqual([]);
  });

  it('is not taken from others, whatever they write', async () => {
    const server = await githubServer();
    const planted = server.say(`${marker}\n<!-- modelflow run=999999999 attempt=1 config=deploy.config.ts -->\nmine`, {
      login: 'eve',
      type: 'User',
    });
    await step(ownStages(changes), ['plan', '--github'], { server });
    expect(planted.body).toMatch(/mine$/);
    expect(server.comments.filter(({ user }) => user === bot)).toHaveLength(1);
  });

  it('of a later run is left as it is by an earlier one that comes late', async () => {
    const server = await githubServer();
    const rig = ownStages(changes);
    await step(rig, ['plan', '--github'], { server, runId: 102, attempt: 2 });
    const late = await step(rig, ['plan', '--github'], { server, runId: 102, attempt: 1 });
    expect(late.code).toBe(0);
    expect(late.stderr).toContain('a later run wrote it');
    expect(server.comments.map(({ body }) => body)).toEqual([expect.stringContaining('run=102 attempt=2')]);
  });

  it('is one even when two runs begin it at the same time', async () => {
    const server = await githubServer();
    let others = 0;
    // The other run's comment appears between our look and our own.
    server.instead((asked) => {
      if (asked.method === 'POST' && others++ === 0)
        server.say(`${marker}\n<!-- modelflow run=99 attempt=1 config=deploy.config.ts -->\nolder`);
      return false;
    });
    const done = await step(ownStages(changes), ['plan', '--github'], { server });
    expect(done.code).toBe(0);
    expect(server.comments.map(({ body }) => body)).toEqual([expect.stringMatching(/run=100[\s\S]*1 to run/)]);
  });

  it('says so when there is no plan any more', async () => {
    const server = await githubServer();
    const rig = ownStages(changes);
    await step(rig, ['plan', '--github'], { server });
    rig.write('deploy.config.ts', 'export default 3;\n');
    const done = await step(rig, ['plan', '--github'], { server, runId: 101 });
    expect(done.code).toBe(2);
    expect(done.outputs['exit-code']).toBe('2');
    expect(server.comments).toHaveLength(1);
    expect(server.comments[0]?.body).toMatch(/^<!-- modelflow plan: own\/dev -->[\s\S]*There is no plan[\s\S]*MF1003/);
    expect(server.comments[0]?.body).not.toContain(rig.root);
    expect(server.comments[0]?.body).not.toContain('never ran before');
    expect(done.summary).toContain('MF1003');
  });

  it('fits, with the summary of the job to hold the rest', async () => {
    const server = await githubServer();
    const many = Array.from({ length: 3000 }, (_, index) => `n${index}: kept({ size: ${index} })`).join(', ');
    const done = await step(ownStages(`return { ${many} };`), ['plan', '--github'], { server });
    expect(done.stderr).not.toContain('warning');
    const [comment] = server.comments;
    expect(comment?.body).toMatch(
      /more rows do not fit here: see \[the summary of the job\]\(https:\/\/github\.test\/acme\/models\/actions\/runs\/100\)/,
    );
    expect(comment?.body.match(/<details>/g)?.length).toBe(comment?.body.match(/<\/details>/g)?.length);
    expect(done.summary).toContain('`n2999`');
    expect(Buffer.byteLength(done.summary)).toBeLessThan(1024 * 1024);
  });
});

describe('where GitHub does not take the comment', () => {
  it.each([
    ['a fork is told of the summary, without a warning', true, 'notice'],
    ['a job that lacks the permission is warned', false, 'warning'],
  ])('%s', async (_, isFork, level) => {
    const server = await githubServer();
    server.instead((asked, response) => {
      if (asked.method !== 'POST') return false;
      response.writeHead(403, { 'content-type': 'application/json' }).end('{"message":"Resource not accessible by integration"}');
      return true;
    });
    const done = await step(ownStages(changes), ['plan', '--github'], { server, isFork });
    expect(done.code).toBe(0);
    expect(done.summary).toContain('1 to run');
    expect(commandsIn(done.stderr).map(({ command }) => command)).toEqual([level]);
  });

  it.each([
    ['429 with Retry-After', 429, { 'retry-after': '0' }],
    ['the second limit, which is a 403', 403, { 'retry-after': '0' }],
    ['the first limit, till its reset', 403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1' }],
  ])('%s is waited for', async (_, status, headers) => {
    const server = await githubServer();
    let refused = 0;
    server.instead((asked, response) => {
      if (asked.method !== 'POST' || refused++ > 1) return false;
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{"message":"rate limit"}');
      return true;
    });
    const done = await step(ownStages(changes), ['plan', '--github'], { server });
    expect(server.comments).toHaveLength(1);
    expect(commandsIn(done.stderr)).toEqual([]);
  });

  it('a limit that holds for an hour is not waited for', async () => {
    const server = await githubServer();
    server.instead((_, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end('{}');
      return true;
    });
    const done = await step(ownStages(changes), ['plan', '--github'], { server });
    expect(done.code).toBe(0);
    expect(commandsIn(done.stderr)).toMatchObject([{ command: 'warning', message: expect.stringContaining('limit on requests') }]);
  });

  it('an answer that is lost after the comment was made does not make a second one', async () => {
    const server = await githubServer();
    server.instead((asked, response) => {
      if (asked.method !== 'POST') return false;
      server.say(`${marker}\n<!-- modelflow run=100 attempt=1 config=deploy.config.ts -->\n`);
      response.destroy();
      return true;
    });
    const done = await step(ownStages(changes), ['plan', '--github'], { server });
    expect(commandsIn(done.stderr)).toEqual([]);
    expect(server.comments).toHaveLength(1);
  });

  it('the token is not sent to where an answer points', async () => {
    const [server, elsewhere] = [await githubServer(), await githubServer()];
    server.instead((asked, response) => {
      if (asked.method !== 'GET') return false;
      response.writeHead(200, { link: `<${elsewhere.url}/repos/acme/models/issues/7/comments>; rel="next"` }).end('[]');
      return true;
    });
    await step(ownStages(changes), ['plan', '--github'], { server });
    expect(elsewhere.asked).toEqual([]);
  });
});

describe('a report for another job', () => {
  it('is commented on by a job that has neither the configuration nor its code', async () => {
    const server = await githubServer();
    const rig = ownStages(changes);
    const made = await step(rig, ['plan', '--github', 'report.json', '--out', 'plan.json']);
    expect(server.asked).toEqual([]);
    expect(made.outputs['plan']).toBe(rig.path('plan.json'));
    const digest = (JSON.parse(rig.read('plan.json')) as { planDigest: string }).planDigest;
    expect(made.outputs['plan-digest']).toBe(digest);
    rig.write('deploy.config.ts', 'throw new Error("not to be run");\n');
    const done = await step(rig, ['github', 'comment', 'report.json'], { server });
    expect(done.code).toBe(0);
    expect(server.comments[0]?.body).toMatch(new RegExp(`1 to run[\\s\\S]*plan ${digest.slice(0, 12)}`));
  });

  it.each([
    ['no JSON', 'nothing'],
    ['another file', '{}'],
    ['one of a later format', '{"format":2,"report":"modelflow plan","config":"a"}'],
    [
      'one whose names would break the marker',
      '{"format":1,"report":"modelflow plan","config":"a","plan":{"pipeline":"x --><b>","profile":"dev"}}',
    ],
    ['one without steps', '{"format":1,"report":"modelflow plan","config":"a","plan":{"pipeline":"x","profile":"dev"},"planDigest":""}'],
  ])('that is %s is refused', async (_, text) => {
    const server = await githubServer();
    const rig = ownStages(changes, { 'report.json': text });
    const done = await step(rig, ['github', 'comment', 'report.json'], { server });
    expect(done.code).toBe(2);
    expect(done.stderr).toContain('MF1213');
    expect(server.comments).toEqual([]);
  });
});

describe('outside of a pull request', () => {
  it('a run tells the summary and the outputs what it came to', async () => {
    const rig = ownStages(
      "return { a: kept({ size: 1 }), b: stage('b', async ({ log }) => { log.info('half way'); throw new Error('</details><script>'); })({}) };",
    );
    const done = await step(rig, ['run', '--github'], { pullRequest: undefined });
    expect(done.code).toBe(1);
    expect(done.outputs).toMatchObject({ 'exit-code': '1', outcome: 'failed' });
    expect(done.summary).toMatch(/### Run of `own`, profile `dev`\n\n> \[!CAUTION\]\n> \*\*FAILED/);
    expect(done.summary).toMatch(/```text\nMF3001: `b` \(b\) failed: <\/details><script>/);
    expect(done.summary).toContain('half way');
  });

  it('a plan does the same, and the exit code of the command stays what it is', async () => {
    const rig = ownStages('return { a: kept({}) };');
    const done = await step(rig, ['plan', '--github', '--detailed-exitcode'], { pullRequest: undefined });
    expect(done.code).toBe(10);
    expect(done.outputs).toMatchObject({ 'exit-code': '10', 'has-changes': 'true', summary: '1 to run' });
  });

  it('there is nothing to comment on', async () => {
    const rig = ownStages(changes);
    await step(rig, ['plan', '--github', 'report.json']);
    expect(await step(rig, ['github', 'comment', 'report.json'], { pullRequest: undefined })).toMatchObject({ code: 2 });
  });

  it('what changed outside of modelflow is in the summary, and an output says so', async () => {
    const done = await step(ownStages(changes), ['plan', '--drift', '--github', '--detailed-exitcode'], { pullRequest: undefined });
    expect(done).toMatchObject({ code: 0, outputs: { 'exit-code': '0', 'has-changes': 'false' } });
    expect(done.summary).toContain('### Drift of `own`, profile `dev`');
  });

  it('and outside of GitHub the option is refused, before anything is done', async () => {
    const rig = ownStages(changes);
    const done = await rig.run('run', '--github');
    expect(done.code).toBe(2);
    expect(done.stderr).toContain('MF1210');
    expect(rig.exists('.modelflow')).toBe(false);
  });
});
