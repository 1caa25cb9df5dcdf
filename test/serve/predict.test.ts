import sharp from 'sharp';
import { expect, test } from 'vitest';
import { identity, linear, sumAndDifference } from './example-models.ts';
import { serve } from './serve-rig.ts';

/** Four numbers per row go out as they come in, so that what preprocessing did shows. */
const four = () => identity('float32', ['N', 4]);
const image = { width: 2, height: 2, channels: 1 as const };

test('one row is answered as one row, a batch as a batch', async () => {
  const { post } = await serve(linear());
  expect((await post('/predict', { input: [1, 2, 3] })).json).toEqual({ output: [22.5, 27.5] });
  expect((await post('/predict', { input: [[1, 2, 3]] })).json).toEqual({ output: [[22.5, 27.5]] });
  expect(
    (
      await post('/predict', {
        input: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      })
    ).json,
  ).toEqual({
    output: [
      [22.5, 27.5],
      [49.5, 63.5],
    ],
  });
});

test('raw values get the declared processing, and processed ones do not', async () => {
  const { post } = await serve(four(), { processing: { input: { scale: 0.5, mean: [1] }, output: { activation: 'none' } } });
  expect((await post('/predict', { input: [2, 4, 6, 8] })).json).toEqual({ output: [0, 1, 2, 3] });
  expect(
    (
      await post('/predict', {
        input: [
          [2, 4],
          [6, 8],
        ],
      })
    ).json,
  ).toEqual({ output: [0, 1, 2, 3] });
  expect((await post('/predict', { input: [2, 4, 6, 8], processed: true })).json).toEqual({ output: [2, 4, 6, 8] });
  expect((await post('/v1/models/m:predict', { instances: [[2, 4, 6, 8]] })).json).toEqual({ predictions: [[2, 4, 6, 8]] });
});

test('the answer has the activation and the labels that are declared', async () => {
  const labels = ['ant', 'bee', 'cat', 'dog'];
  const { post } = await serve(four(), { processing: { output: { activation: 'softmax', labels } } });
  const { json } = await post('/predict', { input: [0, Math.log(2), 0, 0] });
  const { output, label } = json as { readonly output: readonly number[]; readonly label: string };
  expect(output.map((value) => Math.round(value * 1e5) / 1e5)).toEqual([0.2, 0.4, 0.2, 0.2]);
  expect(label).toBe('bee');
  expect(
    (
      await post('/predict', {
        input: [
          [9, 0, 0, 0],
          [0, 0, 0, 9],
        ],
      })
    ).json,
  ).toMatchObject({ labels: ['ant', 'dog'] });
});

test('one number per row stands for two classes, a whole number for a class', async () => {
  const binary = await serve(identity('float32', ['N', 1]), { processing: { output: { activation: 'sigmoid', labels: ['no', 'yes'] } } });
  expect((await binary.post('/predict', { input: [[-3], [3]] })).json).toMatchObject({ labels: ['no', 'yes'] });
  const classes = await serve(identity('int64', ['N']), { processing: { output: { labels: ['a', 'b', 'c'] } } });
  expect((await classes.post('/predict', { input: [2, 0] })).json).toEqual({ output: [2, 0], labels: ['c', 'a'] });
});

test('a list that is exactly a row is a row, even where it could be a batch', async () => {
  const { post } = await serve(identity('float32', ['N', 1]));
  expect((await post('/predict', { input: [5] })).json).toEqual({ output: [5] });
  expect((await post('/predict', { input: [5, 6] })).json).toEqual({ output: [[5], [6]] });
  expect((await post('/predict', { input: 5 })).json).toEqual({ output: [5] });
});

test('a bundle whose labels are not as many as its classes is not served', async () => {
  await expect(serve(four(), { processing: { output: { labels: ['a', 'b', 'c'] } } })).rejects.toThrow(
    'has 4 classes, but 3 labels are declared',
  );
});

test('several inputs come by name, and several outputs go by name', async () => {
  const { post } = await serve(sumAndDifference());
  expect((await post('/predict', { input: { a: [5, 6], b: [1, 2] } })).json).toEqual({
    output: [6, 8],
    outputs: { sum: [6, 8], difference: [4, 4] },
  });
  expect((await post('/predict', { input: [1, 2] })).json).toEqual({
    error: '"input" must be an object with "a": int32 [-1, 2], "b": int32 [-1, 2]',
  });
  expect((await post('/predict', { input: { a: [1, 2] } })).json).toMatchObject({ error: expect.stringContaining('input "b" is missing') });
});

test('an uploaded image is decoded and processed like the rows the model was evaluated on', async () => {
  const { post } = await serve(four(), { processing: { input: { image: { ...image, invert: true }, scale: 1 / 255 } } });
  const png = await sharp(Uint8Array.of(0, 255, 51, 204), { raw: { width: 2, height: 2, channels: 1 } })
    .png()
    .toBuffer();
  const expected = [1, 0, 0.8, 0.2].map(Math.fround);
  const form = new FormData();
  form.append('comment', 'a digit');
  form.append('image', new Blob([new Uint8Array(png)], { type: 'image/png' }), 'digit.png');
  expect((await post('/predict', form)).json).toEqual({ output: expected });
  expect((await post('/predict', png, { 'content-type': 'image/png' })).json).toEqual({ output: expected });
  form.append('image', new Blob([new Uint8Array(png)]), 'again.png');
  expect((await post('/predict', form)).json).toEqual({ output: [expected, expected] });
});

test.each([
  ['text for an image', 'image/png', 'no image', 400, /not an image that can be decoded/],
  ['a form without a boundary', 'multipart/form-data', 'x', 400, /multipart form is damaged/],
  [
    'a form that ends early',
    'multipart/form-data; boundary=b',
    '--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nabc',
    400,
    /damaged/,
  ],
  [
    'a form without a file',
    'multipart/form-data; boundary=b',
    '--b\r\nContent-Disposition: form-data; name="f"\r\n\r\nabc\r\n--b--\r\n',
    400,
    /no file/,
  ],
  ['a content type nobody knows', 'text/csv', '1,2,3,4', 415, /text\/csv is not supported/],
])('%s is refused', async (_, type, body, status, error) => {
  const { post } = await serve(four(), { processing: { input: { image } } });
  const answer = await post('/predict', body, { 'content-type': type });
  expect(answer.json).toMatchObject({ error: expect.stringMatching(error) });
  expect(answer.status).toBe(status);
});

test('a model that declares no image input says so to an upload', async () => {
  const { post } = await serve(four());
  const answer = await post('/predict', Buffer.from([1]), { 'content-type': 'image/png' });
  expect(answer.json).toEqual({
    error: 'the model takes no images: its processing declares no image input; the model takes "x" float32 [-1, 4]',
  });
  expect(answer.status).toBe(415);
});

test.each([
  ['no input', {}, 'the request must be a JSON object with "input"; the model takes "x" float32 [-1, 4]'],
  ['another length', { input: [1, 2, 3] }, 'input "x": expected rows of 4 elements, shape [4], got shape [3]'],
  ['a text', { input: [1, 2, 3, '4'] }, 'input "x": "4" at [3] is not a value of float32'],
  ['null', { input: [1, 2, 3, null] }, 'input "x": null at [3] is not a value of float32'],
  ['too large a number', { input: [1, 2, 3, 1e39] }, 'input "x": 1e+39 at [3] is not a value of float32'],
  ['an unknown name', { input: { z: [1, 2, 3, 4] } }, 'unknown input "z"; the model takes "x" float32 [-1, 4]'],
  ['a strange flag', { input: [1, 2, 3, 4], processed: 'yes' }, '"processed" must be true or false'],
])('%s is refused with the reason', async (_, body, error) => {
  const { post } = await serve(four());
  const answer = await post('/predict', body);
  expect(answer.json).toEqual({ error });
  expect(answer.status).toBe(400);
});
