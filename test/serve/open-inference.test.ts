import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import type { Dtype } from '../../core/serve/index.ts';
import { identity, linear, sumAndDifference } from './example-models.ts';
import { serve } from './serve-rig.ts';

const infer = '/v2/models/m/infer';
const fp32 = (shape: readonly number[], data: unknown) => ({ inputs: [{ name: 'x', shape, datatype: 'FP32', data }] });

test('the server says that it is live and ready, what it is, and what the model takes', async () => {
  const { get } = await serve(linear());
  expect((await get('/v2/health/live')).status).toBe(200);
  expect((await get('/v2/health/ready')).json).toEqual({ live: true, ready: true });
  expect((await get('/v2')).json).toMatchObject({ name: 'modelflow', extensions: ['binary_tensor_data'] });
  const metadata = {
    name: 'm',
    versions: ['1'],
    platform: 'onnx_onnxv1',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
  };
  expect((await get('/v2/models/m')).json).toEqual(metadata);
  expect((await get('/v2/models/m/versions/1')).json).toEqual(metadata);
  expect((await get('/v2/models/m/ready')).json).toEqual({ name: 'm', ready: true });
  expect((await get('/v2/models/m/versions/1/ready?whatever=1')).status).toBe(200);
});

test('nested and flat data give the same answer, and the id comes back', async () => {
  const { post } = await serve(linear());
  const answer = {
    model_name: 'm',
    model_version: '1',
    outputs: [{ name: 'y', datatype: 'FP32', shape: [2, 2], data: [22.5, 27.5, 49.5, 63.5] }],
  };
  const flat = await post(infer, fp32([2, 3], [1, 2, 3, 4, 5, 6]));
  expect(flat.status).toBe(200);
  expect(flat.headers.get('content-type')).toBe('application/json');
  expect(flat.json).toEqual(answer);
  const nested = await post(infer, {
    id: 'request 7 "ü"',
    ...fp32(
      [2, 3],
      [
        [1, 2, 3],
        [4, 5, 6],
      ],
    ),
  });
  expect(nested.json).toEqual({ ...answer, id: 'request 7 "ü"' });
});

test('the version and the name that it was started with are those of the URLs and answers', async () => {
  const { get, post } = await serve(linear(), { name: 'größe 1', version: '12' });
  const path = `/v2/models/${encodeURIComponent('größe 1')}/versions/12/infer`;
  expect((await post(path, fp32([1, 3], [1, 2, 3]))).json).toMatchObject({ model_name: 'größe 1', model_version: '12' });
  expect((await get('/v2/models/m')).status).toBe(404);
});

test('outputs are those that are asked for, in that order', async () => {
  const { post } = await serve(sumAndDifference());
  const tensor = (name: string, data: readonly number[]) => ({ name, shape: [1, 2], datatype: 'INT32', data });
  const request = { inputs: [tensor('b', [1, 1]), tensor('a', [5, 7])] };
  const names = async (outputs: unknown) => {
    const { json } = await post(infer, { ...request, outputs });
    return (json as { readonly outputs: readonly { readonly name: string; readonly data: unknown }[] }).outputs.map(({ name, data }) => [
      name,
      data,
    ]);
  };
  expect(await names(undefined)).toEqual([
    ['sum', [6, 8]],
    ['difference', [4, 6]],
  ]);
  expect(await names([{ name: 'difference' }])).toEqual([['difference', [4, 6]]]);
  expect(await names([{ name: 'difference' }, { name: 'sum' }])).toEqual([
    ['difference', [4, 6]],
    ['sum', [6, 8]],
  ]);
  expect((await post(infer, { ...request, outputs: [{ name: 'product' }] })).json).toEqual({
    error: 'unexpected inference output "product"; the model has "sum", "difference"',
  });
});

const values: readonly (readonly [Dtype, string, readonly unknown[]])[] = [
  ['float32', 'FP32', [1.5, -0.25, 2 ** 100]],
  ['float64', 'FP64', [0.1, 1e300, -5]],
  ['float16', 'FP16', [0.5, 65504, -2]],
  ['int8', 'INT8', [-128, 0, 127]],
  ['int16', 'INT16', [-32768, 0, 32767]],
  ['int32', 'INT32', [-(2 ** 31), 0, 2 ** 31 - 1]],
  ['uint8', 'UINT8', [0, 1, 255]],
  ['uint16', 'UINT16', [0, 1, 65535]],
  ['uint32', 'UINT32', [0, 1, 2 ** 32 - 1]],
  ['bool', 'BOOL', [true, false, true]],
  ['string', 'BYTES', ['', 'a"b\\', '日本']],
];

test.each(values)('%s travels as JSON under the name %s', async (dtype, datatype, data) => {
  const { post } = await serve(identity(dtype));
  const { json } = await post(infer, { inputs: [{ name: 'x', shape: [1, 3], datatype, data }] });
  expect(json).toMatchObject({ outputs: [{ name: 'y', datatype, shape: [1, 3], data }] });
});

test.each([
  ['int64', 'INT64', '[-9223372036854775808,9007199254740993,9223372036854775807]'],
  ['uint64', 'UINT64', '[0,9007199254740993,18446744073709551615]'],
] as const)('%s keeps every digit beyond 2^53', async (dtype, datatype, data) => {
  const { post } = await serve(identity(dtype));
  const body = `{"inputs":[{"name":"x","shape":[1,3],"datatype":"${datatype}","data":${data}}]}`;
  expect((await post(infer, body)).bytes.toString()).toContain(`"data":${data}`);
});

test('numbers that JSON has not are null in JSON and themselves in binary', async () => {
  const { post } = await serve(identity('float32'));
  const special = Buffer.from(Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0).buffer);
  const header = (binary: boolean) =>
    Buffer.from(
      JSON.stringify({
        inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', parameters: { binary_data_size: 12 } }],
        parameters: { binary_data_output: binary },
      }),
    );
  const send = async (binary: boolean) =>
    post(infer, Buffer.concat([header(binary), special]), {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(header(binary).length),
    });
  expect((await send(false)).bytes.toString()).toContain('"data":[null,null,0]');
  const { bytes, headers } = await send(true);
  expect(headers.get('content-type')).toBe('application/octet-stream');
  const length = Number(headers.get('inference-header-content-length'));
  expect(JSON.parse(bytes.subarray(0, length).toString())).toMatchObject({
    outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 3], parameters: { binary_data_size: 12 } }],
  });
  expect(bytes.subarray(length)).toEqual(special);
});

test('binary inputs lie behind the header in the order of the inputs, and each output says for itself whether it is binary', async () => {
  const { post } = await serve(sumAndDifference());
  const header = JSON.stringify({
    inputs: [
      { name: 'b', shape: [1, 2], datatype: 'INT32', parameters: { binary_data_size: 8 } },
      { name: 'a', shape: [1, 2], datatype: 'INT32', data: [10, 20] },
    ],
    outputs: [{ name: 'sum', parameters: { binary_data: false } }, { name: 'difference' }],
    parameters: { binary_data_output: true },
  });
  const body = Buffer.concat([Buffer.from(header), Buffer.from(Int32Array.of(1, 2).buffer)]);
  const { bytes, headers } = await post(infer, body, { 'inference-header-content-length': String(header.length) });
  const length = Number(headers.get('inference-header-content-length'));
  expect(JSON.parse(bytes.subarray(0, length).toString())).toMatchObject({
    outputs: [
      { name: 'sum', data: [11, 22] },
      { name: 'difference', parameters: { binary_data_size: 8 } },
    ],
  });
  expect(new Int32Array(Uint8Array.from(bytes.subarray(length)).buffer)).toEqual(Int32Array.of(9, 18));
});

test('strings travel in binary with their lengths', async () => {
  const { post } = await serve(identity('string'));
  const data = Buffer.from('\u0002\0\0\0hi\0\0\0\0\u0003\0\0\0日', 'utf8');
  const header = JSON.stringify({
    inputs: [{ name: 'x', shape: [1, 3], datatype: 'BYTES', parameters: { binary_data_size: data.length } }],
    parameters: { binary_data_output: true },
  });
  const { bytes, headers } = await post(infer, Buffer.concat([Buffer.from(header), data]), {
    'inference-header-content-length': String(header.length),
  });
  expect(bytes.subarray(Number(headers.get('inference-header-content-length')))).toEqual(data);
});

test('a body that is only the tensor is one row, and its free dimension comes from its size', async () => {
  const raw = { 'content-type': 'application/octet-stream', 'inference-header-content-length': '0' };
  const fixed = await serve(linear());
  const { bytes, headers } = await fixed.post(infer, Buffer.from(Float32Array.of(1, 2, 3).buffer), raw);
  expect(new Float32Array(Uint8Array.from(bytes.subarray(Number(headers.get('inference-header-content-length')))).buffer)).toEqual(
    Float32Array.of(22.5, 27.5),
  );
  expect((await fixed.post(infer, Buffer.alloc(11), raw)).json).toEqual({
    error: 'input "x": unexpected total byte size 11, expecting 12 for float32 [1, 3]',
  });
  const free = await serve(identity('int8', ['N', 'T']));
  const answer = await free.post(infer, Buffer.from([1, 2, 3, 4, 5]), raw);
  const length = Number(answer.headers.get('inference-header-content-length'));
  expect(JSON.parse(answer.bytes.subarray(0, length).toString())).toMatchObject({ outputs: [{ shape: [1, 5] }] });
  const two = await serve(sumAndDifference());
  expect((await two.post(infer, Buffer.alloc(8), raw)).json).toEqual({ error: 'a raw binary request needs a model with one input' });
});

test('a compressed body and a chunked body are read like any other', async () => {
  const { post, server } = await serve(linear());
  const body = JSON.stringify(fp32([1, 3], [1, 2, 3]));
  expect((await post(infer, gzipSync(body), { 'content-encoding': 'gzip' })).json).toMatchObject({ outputs: [{ data: [22.5, 27.5] }] });
  const chunks = new ReadableStream({
    start(controller) {
      for (const character of body) controller.enqueue(new TextEncoder().encode(character));
      controller.close();
    },
  });
  const init = { method: 'POST', body: chunks, duplex: 'half' } as RequestInit;
  expect(await (await fetch(server.url + infer, init)).json()).toMatchObject({ outputs: [{ data: [22.5, 27.5] }] });
});
