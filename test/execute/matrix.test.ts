import { describe, expect, it } from 'vitest';
import { ownStages } from '../support/own-stages.ts';

const nodes = async (build: string): Promise<readonly string[]> => {
  const end = await ownStages(build).run('plan', '--json');
  expect(end.code, end.stderr).toBe(0);
  return JSON.parse(end.stdout).steps.map((step: { node: string }) => step.node);
};

const made =
  "const made = stage('made', async ({ options }) => options, { options: { bits: z.number().default(0), scheme: z.string().default('') } });";

describe('a matrix', () => {
  it('names each combination after its values, in the order of the axes', async () => {
    const found = await nodes(`${made} return { int8: matrix({ bits: [4, 8], scheme: { soft: 'a', hard: 'b' } }, (cell) => made(cell)) };`);
    expect(found).toEqual(['int8.4.soft', 'int8.4.hard', 'int8.8.soft', 'int8.8.hard']);
  });

  it('runs over models as over values, and what it makes can be gathered and gated', async () => {
    const rig = ownStages(`${made}
      const models = { small: kept({ size: 1 }), large: kept({ size: 2 }) };
      const sized = stage('sized', async ({ inputs, options }) => ({ score: inputs.model.facts.size * options.factor }), { inputs: { model: Anything }, options: { factor: z.number() } });
      const variants = matrix({ model: models, factor: [1, 10] }, ({ model, factor }) => sized({ model, factor }));
      const best = stage('best', async ({ inputs }) => ({ score: Math.max(...inputs.from.map((each) => each.facts.score)) }), { inputs: { from: many(Anything) } });
      return { variants, best: best({ from: Object.values(variants), gates: [all(...Object.values(variants).map((each) => atLeast(each, 'score', 1)))] }) };`);
    expect((await rig.run('run')).code).toBe(0);
    expect(JSON.parse((await rig.run('inspect', 'best', '--json')).stdout).facts).toEqual({ score: 20 });
    expect((await rig.run('run', '--only', 'variants.large.10')).code).toBe(0);
    const group = await rig.run('plan', '--only', 'variants', '--json');
    expect(JSON.parse(group.stdout).steps.map((step: { node: string }) => step.node)).not.toContain('best');
    expect(JSON.parse(group.stdout).steps).toHaveLength(6);
  });

  it('leaves out the combinations that nothing is returned for', async () => {
    const found = await nodes(
      `${made} return matrix({ bits: [4, 8], scheme: ['soft', 'hard'] }, (cell) => cell.bits === 4 && cell.scheme === 'hard' ? undefined : made(cell)) as any;`,
    );
    expect(found.toSorted()).toEqual(['4.soft', '8.hard', '8.soft']);
  });

  it.each([
    ["matrix({ scheme: ['two words'] }, (cell) => made(cell))", 'cannot be a name'],
    ['matrix({ bits: [] }, (cell) => made(cell))', 'no values'],
    ['matrix({ bits: [4, 4] }, (cell) => made(cell))', 'would be called `4`'],
    ["({ 'a.b': made({}), a: { b: made({ bits: 1 }) } })", 'would be called `a.b`'],
  ])('without usable names is refused: %s', async (build, words) => {
    const end = await ownStages(`${made} return ${build} as any;`).run('plan');
    expect(end.code).toBe(2);
    expect(end.stderr).toContain('MF1208');
    expect(end.stderr).toContain(words);
  });
});

describe('a group in what is returned', () => {
  it('is seen by policies as it was written', async () => {
    const rig = ownStages('return {};');
    rig.write(
      'deploy.config.ts',
      `import { definePipeline, policy } from 'modelflow'; import { kept } from './stages';
       export default definePipeline({ name: 'own', build: () => ({ both: { one: kept({ n: 1 }), two: kept({ n: 2 }) } }),
         policies: ({ stages }) => [policy('groups', (plan) => stages.both.one.node === stages.both.two.node ? 'the same' : undefined)] as any });`,
    );
    const end = await rig.run('plan');
    expect(end.code, end.stderr).toBe(0);
    expect(end.stdout).toContain('both.one');
  });
});
