import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { identity, linear, sumAndDifference } from './example-models.ts';
import { rawRequest } from './raw-request.ts';
import { metric, serve } from './serve-rig.ts';

const infer = '/v2/models/m/infer';
const input = (change: Readonly<Record<string, unknown>>) => ({
  inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3], ...change }],
});

test.each([
  ['another width', input({ shape: [1, 4], data: [1, 2, 3, 4] }), 'input "x": expected float32 [-1, 3], got float32 [1, 4]'],
  ['another rank', input({ shape: [3] }), 'input "x": expected float32 [-1, 3], got float32 [3]'],
  ['another datatype', input({ datatype: 'INT64' }), 'input "x": expected float32 [-1, 3], got int64 [1, 3]'],
  ['an unknown datatype', input({ datatype: 'fp32' }), 'input "x": datatype "fp32" is not supported'],
  ['BF16', input({ datatype: 'BF16' }), 'input "x": datatype "BF16" is not supported'],
  ['too few values', input({ data: [1, 2] }), 'input "x": the data has 2 elements, shape [1, 3] has 3'],
  ['lists of another shape', input({ data: [[1], [2], [3]] }), 'input "x": the data has shape [3, 1], not [1, 3]'],
  [
    'ragged lists',
    input({
      shape: [2, 3],
      data: [
        [1, 2, 3],
        [4, 5],
      ],
    }),
    'input "x": the lists are ragged: the one at [1] has 2 items, the first has 3',
  ],
  ['a list for a number', input({ data: [1, [2], 3] }), 'input "x": a list of 1 at [1] is not a value of float32'],
  ['a text for a number', input({ data: [1, '2', 3] }), 'input "x": "2" at [1] is not a value of float32'],
  ['a negative dimension', input({ shape: [-1, 3] }), 'input "x": shape [-1, 3] has dimensions that are not whole numbers from 0'],
  ['a fractional dimension', input({ shape: [1.5, 2] }), 'input "x": shape [1.5, 2] has dimensions that are not whole numbers from 0'],
  [
    'more elements than there can be',
    input({ shape: [16, 2 ** 40] }),
    'input "x": shape [16, 1099511627776] causes total element count to exceed maximum size of 2147483647',
  ],
  ['an empty batch', input({ shape: [0, 3], data: [] }), 'input "x" is empty: its shape is [0, 3]'],
  ['no data', input({ data: undefined }), 'input "x": the data has shape [], not [1, 3]'],
  ['no shape', input({ shape: undefined }), 'input "x": "shape" must be a list of whole numbers'],
  ['no name', input({ name: undefined }), 'every input must have a "name"'],
  ['an unknown name', input({ name: '__proto__' }), 'unknown input "__proto__"; the model takes "x" float32 [-1, 3]'],
  ['no inputs', { inputs: [] }, 'input "x" is missing; the model takes "x" float32 [-1, 3]'],
  ['inputs that are no list', { inputs: {} }, '"inputs" must be a list of tensors'],
  ['an input twice', { inputs: [...input({}).inputs, ...input({}).inputs] }, 'input "x" is given twice'],
  ['an id that is no text', { id: 7, ...input({}) }, '"id" must be a string'],
  ['a list', [], 'the request must be a JSON object with "inputs"'],
  ['parameters that are no object', input({ parameters: 3 }), '"parameters" must be an object'],
  [
    'binary data that is not there',
    input({ parameters: { binary_data_size: 12 } }),
    'input "x": binary_data_size is 12, 0 bytes of binary data are left',
  ],
])('%s is refused with what was expected and what came', async (_, body, error) => {
  const { post } = await serve(linear());
  const answer = await post(infer, body);
  expect(answer.json).toEqual({ error });
  expect(answer.status).toBe(400);
});

test.each([
  ['int8', 'INT8', '128'],
  ['uint8', 'UINT8', '-1'],
  ['int32', 'INT32', '2147483648'],
  ['int32', 'INT32', '1.5'],
  ['int64', 'INT64', '9223372036854775808'],
  ['uint64', 'UINT64', '-1'],
  ['uint64', 'UINT64', '18446744073709551616'],
  ['bool', 'BOOL', '1'],
  ['float32', 'FP32', 'true'],
  ['float16', 'FP16', '65520'],
  ['string', 'BYTES', '5'],
] as const)('%s does not take %s %s', async (dtype, datatype, value) => {
  const { post } = await serve(identity(dtype, ['N']));
  const answer = await post(infer, `{"inputs":[{"name":"x","shape":[1],"datatype":"${datatype}","data":[${value}]}]}`);
  expect(answer.json).toEqual({ error: `input "x": ${value} is not a value of ${dtype}` });
  expect(answer.status).toBe(400);
});

test.each([
  ['{"inputs": [1, 2,, 3]}', 17],
  ['{"inputs": tru}', 11],
  ["{'inputs': []}", 1],
  ['{"inputs": []', 13],
  ['{"a": 1} {"b": 2}', 9],
  ['[1, 2, x, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]', 7],
  ['nonsense', 0],
])('%s is refused with the position of the mistake', async (body, position) => {
  const { post } = await serve(linear());
  const answer = await post(infer, body);
  expect(answer.json).toEqual({ error: expect.stringMatching(new RegExp(`^the body is not JSON: .* at position ${position}$`)) });
  expect(answer.status).toBe(400);
});

test('an empty body, bytes that are no text, and lists without end are refused', async () => {
  const { post } = await serve(linear());
  expect((await post(infer, '')).json).toEqual({ error: 'the body is empty; JSON is expected' });
  expect((await post(infer, Buffer.from([0x7b, 0xff, 0x7d]))).json).toEqual({ error: 'the body is not UTF-8' });
  const deep = await post(infer, `{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":${'['.repeat(1e5)}${']'.repeat(1e5)}}]}`);
  expect(deep.json).toEqual({ error: 'input "x": lists are nested more than 32 deep' });
  const integers = await serve(identity('int64'));
  const answer = await integers.post(infer, `{"big": 12345678901234567890, "inputs": ${'['.repeat(1e5)}${']'.repeat(1e5)}}`);
  expect(answer.status).toBe(400);
});

test('the first row of a list cannot make the server allocate what the others do not hold', async () => {
  const { post } = await serve(identity('float32', ['N', 'M']));
  const rows = `[[${'1,'.repeat(9999)}1]${',[]'.repeat(100_000)}]`;
  expect((await post('/v1/models/m:predict', `{"instances":${rows}}`)).json).toEqual({
    error: 'input "x": the lists are ragged: the one at [1] has 0 items, the first has 10000',
  });
});

test.each([
  ['a header longer than the body', '9999', '{}', 'Inference-Header-Content-Length is 9999, the body has 2 bytes'],
  ['a header that is no number', 'abc', '{}', 'Inference-Header-Content-Length is abc, the body has 2 bytes'],
  ['bytes that nobody claims', '14', '{"inputs":[]} \u0001\u0002', 'the body has 2 bytes of binary data that no input claims'],
])('%s is refused', async (_, length, body, error) => {
  const { post } = await serve(linear());
  const answer = await post(infer, body, { 'content-type': 'application/octet-stream', 'inference-header-content-length': length });
  expect(answer.json).toEqual({ error });
  expect(answer.status).toBe(400);
});

test('unknown models, versions and paths are 404 and say what there is', async () => {
  const { get, post } = await serve(linear());
  const unknown = await post('/v2/models/other/infer', input({}));
  expect(unknown.json).toEqual({ error: "Request for unknown model: 'other' is not found; 'm' is served" });
  expect(unknown.status).toBe(404);
  expect((await get('/v2/models/m/versions/2')).json).toEqual({
    error: "Request for unknown model: 'm' version 2 is not found; version 1 is served",
  });
  expect((await get('/v2/models/m/whatever')).json).toEqual({
    error: 'nothing is served at /v2/models/m/whatever; GET / lists the endpoints',
  });
  expect((await get('/%E0%A4%A')).status).toBe(400);
});

test('a wrong method is 405 with the right one', async () => {
  const { get, server } = await serve(linear());
  const answer = await get(infer);
  expect(answer.status).toBe(405);
  expect(answer.headers.get('allow')).toBe('POST');
  const response = await fetch(`${server.url}/v2/health/live`, { method: 'DELETE' });
  expect(response.status).toBe(405);
  expect(response.headers.get('allow')).toBe('GET, HEAD');
  expect((await fetch(`${server.url}/v2/health/live`, { method: 'HEAD' })).status).toBe(200);
});

test('a content type or encoding that nobody can read is 415', async () => {
  const { post } = await serve(linear());
  expect((await post(infer, 'a', { 'content-type': 'application/octet-stream' })).status).toBe(415);
  const encoded = await post(infer, 'a', { 'content-encoding': 'br' });
  expect(encoded.status).toBe(415);
  expect(encoded.headers.get('accept-encoding')).toBe('gzip, deflate');
  expect((await post(infer, 'not gzip', { 'content-encoding': 'gzip' })).status).toBe(400);
});

test('a body above the limit is 413 however it comes, and the client gets to read it', async () => {
  const { post, server } = await serve(linear(), { maxBodyBytes: 100_000 });
  const large = 'x'.repeat(5_000_000);
  const error = { error: 'the body is larger than 100000 bytes' };
  expect(await post(infer, large)).toMatchObject({ status: 413, json: error });
  expect(await post(infer, gzipSync(large), { 'content-encoding': 'gzip' })).toMatchObject({ status: 413, json: error });
  const chunk = `${(50_000).toString(16)}\r\n${'x'.repeat(50_000)}\r\n`;
  const head = `POST ${infer} HTTP/1.1\r\nHost: m\r\nConnection: close\r\n`;
  expect(await rawRequest(server.port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(20)}0\r\n\r\n`)).toContain(' 413 ');
  const closing = `${head}Content-Length: 30000000\r\n\r\n`;
  expect(await rawRequest(server.port, closing + 'x'.repeat(30_000_000))).toContain(' 413 ');
  // Who asks first need not send it at all.
  expect(await rawRequest(server.port, `${head}Content-Length: 5000000\r\nExpect: 100-continue\r\n\r\n`)).toContain(' 413 ');
});

test('what is no HTTP is answered with 400 in JSON, and the server goes on', async () => {
  const rig = await serve(linear());
  expect(await rawRequest(rig.server.port, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')).toContain('400 Bad Request');
  expect(
    await rawRequest(rig.server.port, 'GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n'),
  ).toContain('400');
  expect(await rawRequest(rig.server.port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'y'.repeat(50_000)}\r\n\r\n`)).toContain('431');
  expect((await rig.post(infer, input({}))).status).toBe(200);
});

test('a head that never ends is 408', async () => {
  const { server } = await serve(linear(), { headTimeoutMs: 100 });
  const answer = await rawRequest(server.port, 'GET / HTTP/1.1\r\nHost: m\r\nX: ');
  expect(answer).toContain('408 Request Timeout');
  expect(answer).toContain('{"error":"the request took too long to arrive"}');
});

test('a value that the model refuses is the fault of the request, and no other request pays for it', async () => {
  const gather = {
    inputs: [{ name: 'x', dtype: 'int64' as const, shape: ['N', 1] }],
    outputs: [{ name: 'y', dtype: 'float32' as const, shape: ['N', 1] }],
    nodes: [{ op: 'Gather', inputs: ['table', 'x'], outputs: ['y'] }],
    initializers: [{ name: 'table', dtype: 'float32' as const, shape: [3], data: Float32Array.of(10, 20, 30) }],
  };
  const rig = await serve(gather);
  const answers = await Promise.all([0, 1, 99, 2].map((value) => rig.post('/v1/models/m:predict', { instances: [[value]] })));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 400, 200]);
  expect(answers[3]?.json).toEqual({ predictions: [[30]] });
  expect(answers[2]?.json).toEqual({ error: expect.stringMatching(/^the model refused the input: .*indices/) });
  expect(await metric(rig, 'modelflow_requests_total{protocol="tf-serving",code="400"}')).toBe(1);
});

test('inputs of unequal numbers of rows are refused by the model and not by a crash', async () => {
  const { post } = await serve(sumAndDifference());
  const tensor = (name: string, rows: number) => ({ name, shape: [rows, 2], datatype: 'INT32', data: new Array<number>(rows * 2).fill(1) });
  expect((await post(infer, { inputs: [tensor('a', 3), tensor('b', 2)] })).status).toBe(400);
});
