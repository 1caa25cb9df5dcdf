import { expectTypeOf, test } from 'vitest';
import { defineArtifact, definePipeline, defineStage, matrix, type Ref, z } from '../../core/index.ts';

const Thing = defineArtifact('thing', z.object({ size: z.number() }));
const make = defineStage({
  name: 'make',
  version: 1,
  inputs: {},
  options: { scheme: z.enum(['dynamic', 'static']) },
  output: Thing,
  run: async () => ({ size: 1 }),
});

test('a cell has the values, and one axis gives its names', () => {
  const int8 = matrix({ scheme: ['dynamic', 'static'] }, ({ scheme }) => {
    expectTypeOf(scheme).toEqualTypeOf<'dynamic' | 'static'>();
    return make({ scheme });
  });
  expectTypeOf(int8).toEqualTypeOf<Readonly<Record<'dynamic' | 'static', Ref<typeof Thing>>>>();
  // @ts-expect-error: there is no such combination
  int8.statc;
  definePipeline({ name: 'x', build: () => ({ int8, deeper: { int8 } }) });
});

test('a table of values gives the values, and its keys are the names', () => {
  const models = matrix({ model: { small: 1, large: 2 } }, ({ model }) => {
    expectTypeOf(model).toEqualTypeOf<1 | 2>();
    return make({ scheme: 'static' });
  });
  expectTypeOf(models).toEqualTypeOf<Readonly<Record<'small' | 'large', Ref<typeof Thing>>>>();
});

test('with more axes the names are texts', () => {
  const all = matrix({ scheme: ['dynamic', 'static'], bits: [4, 8] }, ({ scheme }) => make({ scheme }));
  expectTypeOf(all).toEqualTypeOf<Readonly<Record<string, Ref<typeof Thing>>>>();
});
