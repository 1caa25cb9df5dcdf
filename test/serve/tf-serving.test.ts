import { expect, test } from 'vitest';
import { identity, linear, sumAndDifference } from './example-models.ts';
import type { GraphSpec } from './onnx-model.ts';
import { serve } from './serve-rig.ts';

const predict = '/v1/models/m:predict';

test('status and metadata have the form that TensorFlow Serving gives them', async () => {
  const { get } = await serve(linear(), { version: '3' });
  const status = { model_version_status: [{ version: '3', state: 'AVAILABLE', status: { error_code: 'OK', error_message: '' } }] };
  expect((await get('/v1/models/m')).json).toEqual(status);
  expect((await get('/v1/models/m/versions/3')).json).toEqual(status);
  const info = (name: string, width: string) => ({
    dtype: 'DT_FLOAT',
    tensor_shape: {
      dim: [
        { size: '-1', name: '' },
        { size: width, name: '' },
      ],
      unknown_rank: false,
    },
    name,
  });
  expect((await get('/v1/models/m/metadata')).json).toMatchObject({
    model_spec: { name: 'm', signature_name: '', version: '3' },
    metadata: { signature_def: { signature_def: { serving_default: { inputs: { x: info('x', '3') }, outputs: { y: info('y', '2') } } } } },
  });
});

test('rows of the only input need no name, and one output has none either', async () => {
  const { post } = await serve(linear());
  expect(
    (
      await post(predict, {
        instances: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      })
    ).json,
  ).toEqual({
    predictions: [
      [22.5, 27.5],
      [49.5, 63.5],
    ],
  });
  expect((await post(predict, { instances: [{ x: [1, 2, 3] }] })).json).toEqual({ predictions: [[22.5, 27.5]] });
  expect((await post('/v1/models/m/versions/1:predict', { signature_name: 'serving_default', instances: [[1, 2, 3]] })).status).toBe(200);
});

test('columns of the only input need no name, and one output has none either', async () => {
  const { post } = await serve(linear());
  expect((await post(predict, { inputs: [[1, 2, 3]] })).json).toEqual({ outputs: [[22.5, 27.5]] });
  expect((await post(predict, { inputs: { x: [[1, 2, 3]] } })).json).toEqual({ outputs: [[22.5, 27.5]] });
});

test('several outputs are objects: one per row, or one of columns', async () => {
  const { post } = await serve(sumAndDifference());
  expect(
    (
      await post(predict, {
        instances: [
          { a: [1, 2], b: [3, 4] },
          { b: [1, 1], a: [0, 5] },
        ],
      })
    ).json,
  ).toEqual({
    predictions: [
      { sum: [4, 6], difference: [-2, -2] },
      { sum: [1, 6], difference: [-1, 4] },
    ],
  });
  expect((await post(predict, { inputs: { a: [[1, 2]], b: [[3, 4]] } })).json).toEqual({
    outputs: { sum: [[4, 6]], difference: [[-2, -2]] },
  });
});

test('values of a rank-one input are rows by themselves', async () => {
  const { post } = await serve(identity('int64', ['N']));
  expect((await post(predict, { instances: [1, 2, 3] })).json).toEqual({ predictions: [1, 2, 3] });
});

test('strings may come as base64, and outputs named _bytes leave as base64', async () => {
  const { post } = await serve(identity('string', ['N']));
  expect((await post(predict, { instances: [{ b64: Buffer.from('größe').toString('base64') }, 'plain'] })).json).toEqual({
    predictions: ['größe', 'plain'],
  });
  const bytes: GraphSpec = {
    inputs: [{ name: 'x', dtype: 'string', shape: ['N'] }],
    outputs: [{ name: 'y_bytes', dtype: 'string', shape: ['N'] }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y_bytes'] }],
  };
  const named = await serve(bytes);
  expect((await named.post(predict, { instances: ['hi'] })).json).toEqual({ predictions: [{ b64: 'aGk=' }] });
});

test('NaN and infinities are tokens both ways, and words inside strings are left alone', async () => {
  const { post } = await serve(identity('float32'));
  const answer = await post(predict, '{"instances": [[NaN, Infinity, -Infinity]]}');
  expect(answer.bytes.toString()).toBe('{"predictions":[[NaN,Infinity,-Infinity]]}');
  const text = await serve(identity('string'));
  const strings = await text.post(predict, '{"instances": [["NaN", "say \\"NaN\\"", "Infinity"]], "signature_name": ""}');
  expect(strings.json).toEqual({ predictions: [['NaN', 'say "NaN"', 'Infinity']] });
});

test.each([
  ['neither key', {}, 'exactly one of "instances" and "inputs" is expected'],
  ['both keys', { instances: [[1, 2, 3]], inputs: [[1, 2, 3]] }, 'exactly one of "instances" and "inputs" is expected'],
  ['another signature', { signature_name: 'other', instances: [[1, 2, 3]] }, 'Serving signature name: "other" not found in signature def'],
  ['no rows', { instances: [] }, '"instances" is empty'],
  ['no list', { instances: 3 }, '"instances" must be a list'],
  ['an unknown input', { instances: [{ z: [1, 2, 3] }] }, 'unknown input "z"; the model takes "x" float32 [-1, 3]'],
  ['rows that differ', { instances: [{ x: [1, 2, 3] }, { y: [1, 2, 3] }] }, 'instance 1 does not have the inputs of instance 0: x'],
  ['a text', { instances: [[1, 'two', 3]] }, 'input "x": "two" at [0, 1] is not a value of float32'],
  ['a wrong width', { instances: [[1, 2]] }, 'input "x": expected float32 [-1, 3], got float32 [1, 2]'],
])('%s is refused with the reason', async (_, body, error) => {
  const { post } = await serve(linear());
  const answer = await post(predict, body);
  expect(answer.json).toEqual({ error });
  expect(answer.status).toBe(400);
});

test('models and versions that are not served are named as TensorFlow Serving names them', async () => {
  const { get, post } = await serve(linear());
  expect((await get('/v1/models/half')).json).toEqual({ error: 'Servable not found for request: Latest(half)' });
  const answer = await post('/v1/models/m/versions/7:predict', { instances: [[1, 2, 3]] });
  expect(answer.json).toEqual({ error: 'Servable not found for request: Specific(m, 7)' });
  expect(answer.status).toBe(404);
  expect((await post('/v1/models/m:classify', {})).status).toBe(501);
});
