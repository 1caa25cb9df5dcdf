import fc from 'fast-check';
import { expect, test } from 'vitest';
import { identity, linear, sumAndDifference } from './example-models.ts';
import { type Rig, serve } from './serve-rig.ts';

// Whatever a client sends, it gets an answer that says what is wrong; it never stops the server, and never counts as the server's fault.

const endpoints = ['/v2/models/m/infer', '/v1/models/m:predict', '/predict'];

/** Requests of all three protocols that the linear model takes. */
const valid: readonly (readonly [string, unknown])[] = [
  [
    '/v2/models/m/infer',
    { id: 'a', inputs: [{ name: 'x', shape: [2, 3], datatype: 'FP32', data: [1, 2, 3, 4, 5, 6] }], outputs: [{ name: 'y' }] },
  ],
  [
    '/v2/models/m/infer',
    { inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [[1, 2, 3]] }], parameters: { binary_data_output: true } },
  ],
  ['/v1/models/m:predict', { signature_name: 'serving_default', instances: [{ x: [1, 2, 3] }, { x: [4, 5, 6] }] }],
  ['/v1/models/m:predict', { inputs: { x: [[1, 2, 3]] } }],
  ['/predict', { input: [[1, 2, 3]], processed: false }],
];

async function expectAnswer(rig: Rig, path: string, body: unknown, headers?: Readonly<Record<string, string>>): Promise<void> {
  const { status, json } = await rig.post(path, body, headers);
  expect(status).toBeLessThan(500);
  if (status >= 400) expect(json).toEqual({ error: expect.stringMatching(/./) });
}

async function expectAlive(rig: Rig): Promise<void> {
  for (const [path, body] of valid) expect((await rig.post(path, body)).status).toBe(200);
}

test('any bytes', { timeout: 120_000 }, async () => {
  const rig = await serve(linear());
  const headers = fc.constantFrom(
    {},
    { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' },
    { 'content-type': 'application/octet-stream', 'inference-header-content-length': '5' },
    { 'content-type': 'multipart/form-data; boundary=x' },
    { 'content-type': 'image/png' },
    { 'content-encoding': 'gzip' },
    { 'content-encoding': 'deflate' },
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...endpoints), fc.uint8Array({ maxLength: 200 }), headers, (path, bytes, more) =>
      expectAnswer(rig, path, bytes, more as Record<string, string>),
    ),
    { numRuns: 300 },
  );
  await expectAlive(rig);
});

test('any JSON', { timeout: 120_000 }, async () => {
  const rig = await serve(linear());
  const keys = fc.constantFrom(
    'inputs',
    'instances',
    'input',
    'outputs',
    'x',
    'name',
    'shape',
    'datatype',
    'data',
    'parameters',
    'b64',
    '__proto__',
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      tie('leaf'),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
    ),
    leaf: fc.oneof(
      fc.double(),
      fc.integer(),
      fc.string(),
      fc.boolean(),
      fc.constant(null),
      fc.constantFrom('x', 'FP32', 1e308, -1, 2 ** 53),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...endpoints), value, (path, body) => expectAnswer(rig, path, body)),
    { numRuns: 500 },
  );
  await expectAlive(rig);
});

/** Replaces the `index`-th value inside a JSON value, counted depth first. */
function replaced(value: unknown, index: number, by: unknown): unknown {
  let left = index;
  const walk = (inner: unknown): unknown => {
    left -= 1;
    if (left < 0 && left > -2) return by;
    if (Array.isArray(inner)) return inner.map(walk);
    if (typeof inner !== 'object' || inner === null) return inner;
    return Object.fromEntries(Object.entries(inner).map(([key, item]) => [key, walk(item)]));
  };
  return walk(value);
}

const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    '',
    'x',
    -1,
    0,
    1.5,
    1e308,
    2 ** 53,
    4294967296,
    [],
    {},
    [[]],
    [[1], [2, 3]],
    [null],
    { b64: 'AA==' },
    { b64: 3 },
  ),
  fc.array(fc.oneof(fc.integer(), fc.constant(-1), fc.constant(2 ** 31)), { maxLength: 40 }),
  fc.string(),
);

test('valid requests with anything in one place', { timeout: 120_000 }, async () => {
  const rig = await serve(linear());
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...valid), fc.nat(16), odd, ([path, body], index, by) =>
      expectAnswer(rig, path, replaced(body, index, by)),
    ),
    { numRuns: 600 },
  );
  await expectAlive(rig);
});

test('any shape and binary size, for models of free shapes and of strings', { timeout: 120_000 }, async () => {
  const rigs = [
    await serve(identity('float32', ['N', 'M'])),
    await serve(identity('string', ['N'])),
    await serve(sumAndDifference('int64')),
    await serve({ ...identity('bool'), inputs: [{ name: 'x', dtype: 'bool' }] }),
  ];
  const dimension = fc.oneof(fc.integer({ min: -1, max: 4 }), fc.constantFrom(2 ** 20, 2 ** 31, 2 ** 60));
  const datatype = fc.constantFrom('FP32', 'BYTES', 'INT64', 'BOOL');
  const shapes = fc.array(dimension, { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...rigs),
      datatype,
      shapes,
      fc.uint8Array({ maxLength: 64 }),
      fc.nat(70),
      async (rig, type, shape, bytes, size) => {
        const names = rig === rigs[2] ? ['a', 'b'] : ['x'];
        const inputs = names.map((name) => ({ name, shape, datatype: type, parameters: { binary_data_size: size } }));
        const header = Buffer.from(JSON.stringify({ inputs }));
        await expectAnswer(rig, '/v2/models/m/infer', Buffer.concat([header, bytes]), {
          'inference-header-content-length': String(header.length),
        });
      },
    ),
    { numRuns: 400 },
  );
  for (const rig of rigs) expect((await rig.get('/v2/health/ready')).status).toBe(200);
});
