import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applied, chain, configOf, eventsOf, planSeen, reviewRig } from './review-rig.ts';

describe('a policy on the plan', () => {
  const needsApproval = `[policy('production needs an approval', ({ plan, profile }) =>
    profile === 'production' && plan.steps.some((step) => 'live' in step) && plan.approvals.length === 0 ? refuse('the service has none') : [])]`;

  it('refuses before anything is done, in the profile that it speaks of', async () => {
    const rig = reviewRig(configOf(chain(), needsApproval));
    const plan = await rig.run('plan', '--profile', 'production', '--detailed-exitcode');
    expect(plan.code).toBe(3);
    expect(plan.stdout).toMatch(/REFUSED +the plan +production needs an approval: the service has none/);
    const run = await rig.run('run', '--profile', 'production', '--json');
    expect(run.code).toBe(3);
    expect(run.stderr).toContain('MF4110');
    expect(rig.notes()).toEqual([]);
    expect(eventsOf(run.stdout)).toContainEqual(expect.objectContaining({ type: 'policy-judged', verdict: 'refuse' }));
    expect(eventsOf(run.stdout).at(-1)).toMatchObject({ type: 'run-ended', outcome: 'refused' });
    expect((await rig.run('run')).code).toBe(0);
    expect(applied(rig)).toHaveLength(1);
  });

  it('only warns with `warn`: in the plan, its Markdown, and the run', async () => {
    const rig = reviewRig(configOf(chain(), `[policy('be careful', () => [warn('it | is late'), undefined])]`));
    expect((await rig.run('plan')).stdout).toMatch(/warning +the plan +be careful: it \| is late/);
    expect((await rig.run('plan', '--format', 'markdown')).stdout).toContain('| warning | the plan | be careful | it \\| is late |');
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(10);
    const run = await rig.run('run');
    expect(run.code).toBe(0);
    expect(run.stderr).toContain('policy warns: be careful: it | is late');
  });

  it.each([
    ['throws', "() => { throw new Error('out of order'); }", 'threw: out of order'],
    ['returns a promise', 'async () => []', 'a promise'],
    ['returns true', '() => true as never', 'a boolean'],
    ['changes the plan', '({ plan }) => { (plan.steps as any[]).length = 0; return refuse(String(plan.steps.length)); }', '0'],
  ])('that %s refuses', async (_, judge, said) => {
    const rig = reviewRig(configOf(chain(), `[policy('strange', (${judge}) as any)]`));
    const run = await rig.run('run');
    expect(run.code).toBe(3);
    expect(run.stderr).toContain(said);
    expect((await planSeen(rig)).steps).toHaveLength(3);
  });

  it('is shown the plan as it is, whatever the one before it has done to it', async () => {
    const both = `[policy('careless', ({ plan, nodes }) => { (plan.steps as any[]).length = 0; (nodes as any[]).length = 0; }),
      policy('strict', ({ plan, nodes }) => (plan.steps.length === 3 && nodes.length === 3 ? refuse('saw all three') : []))]`;
    expect((await reviewRig(configOf(chain(), both)).run('run')).stderr).toContain('saw all three');
  });

  it('prints to stderr, as the configuration does, so that a plan in JSON stays one', async () => {
    const build = `console.log('from build'); ${chain()}`;
    const rig = reviewRig(`console.log('from the module');${configOf(build, "[policy('talks', () => console.log('from a policy'))]")}`);
    const { stdout, stderr } = await rig.run('plan', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ pipeline: 'own' });
    for (const where of ['the module', 'build', 'a policy']) expect(stderr).toContain(`from ${where}`);
  });

  it('sees what the configuration wants of each node', async () => {
    const judge = `[policy('one replica is none', ({ nodes, profile }) => nodes.flatMap(({ node, options }) => {
      const { target } = options as any;
      return target?.settings.port === 1 ? [refuse(node + ' on ' + target.target + ', ' + profile)] : [];
    })), policy('no secrets', ({ nodes }) => warn(JSON.stringify(nodes)))]`;
    const rig = reviewRig(configOf(chain("approval: 'users see it'", '{ token: secret("TOKEN") }'), judge));
    const plan = await rig.start(['plan'], { env: { TOKEN: 'correct horse' } }).finished;
    expect(plan.stdout).toContain('one replica is none: service on place, dev');
    expect(plan.stdout).toContain('"approval":"users see it"');
    expect(plan.stdout).not.toContain('correct horse');
  });

  it('is part of no fingerprint', async () => {
    const rig = reviewRig(configOf(chain()));
    await rig.run('run');
    rig.write('deploy.config.ts', configOf(chain(), "[policy('new', () => [])]"));
    expect((await planSeen(rig)).steps.map((step) => step.do)).toEqual(['reuse', 'reuse', 'keep']);
  });
});

describe('a policy on facts', () => {
  const mayGrow = (whose: string): string =>
    `({ stages }) => [policy.facts('must not grow by 20 %', ${whose}, ({ facts, last }) =>
      last && facts.sizeBytes > last.sizeBytes * 1.2 ? refuse(\`from \${last.sizeBytes} to \${facts.sizeBytes} bytes\`) : [])]`;

  it.each(['stages.packed', 'pack', 'Model'])('of %s compares with the last release, and what depends on it is not done', async (whose) => {
    const rig = reviewRig(configOf(chain(), mayGrow(whose)));
    expect((await rig.run('run')).code).toBe(0);
    rig.write('data.txt', 'data, and a lot more of it');
    const refused = await rig.run('run');
    expect(refused.code).toBe(3);
    expect(refused.stderr).toMatch(/from \d+ to \d+ bytes/);
    expect(applied(rig)).toHaveLength(1);
    // What was refused is no measure for the next: it is refused again, and the plan knows.
    expect((await rig.run('plan', '--detailed-exitcode')).code).toBe(3);
    expect((await rig.run('run')).code).toBe(3);
    rig.write('data.txt', 'date');
    expect((await rig.run('run')).code).toBe(0);
    expect(applied(rig)).toHaveLength(2);
  });

  it('is decided later while there are no facts', async () => {
    const rig = reviewRig(configOf(chain(), mayGrow('stages.packed')));
    expect((await planSeen(rig)).policies).toEqual([
      { policy: 'must not grow by 20 %', node: 'packed', verdict: 'decided-later', message: '' },
    ]);
  });

  it('takes one line of the plan for all stages that it has nothing to say of', async () => {
    const rig = reviewRig(configOf(chain(), mayGrow('Model')));
    expect((await rig.run('plan')).stdout).toMatch(/later +2 stages +must not grow by 20 %\n/);
    await rig.run('run');
    expect((await rig.run('plan')).stdout).toMatch(/pass +2 stages +must not grow by 20 %\n/);
  });

  it('of what is no stage is refused at its place, and is not a rule that is never broken', async () => {
    const end = await reviewRig(configOf(chain(), mayGrow('(stages as any).paked'))).run('run');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('policy.facts "must not grow by 20 %": whose facts it judges is undefined');
    expect(end.stderr).toMatch(/at deploy\.config\.ts:\d+/);
  });

  it('still knows the last release after more runs than a plan looks at', async () => {
    const rig = reviewRig(configOf(chain(), mayGrow('stages.packed')));
    await rig.run('run');
    await rig.run('run', '--only', 'model');
    const runs = rig.path('.modelflow/runs/own/dev');
    const last = readdirSync(runs).sort().at(-1) ?? '';
    for (let count = 0; count < 105; count++) cpSync(join(runs, last), join(runs, `${100_000 + count}-later`), { recursive: true });
    rig.write('data.txt', 'data, and a lot more of it');
    expect((await rig.run('run')).code).toBe(3);
  });
});
