import { afterEach, beforeEach, expect, test } from 'vitest';
import { agree } from '../../core/route/compare.ts';
import { loadOn } from '../support/load.ts';
import { type Behaviour, call, RouteRig, says } from './route-rig.ts';

test.each([
  ['the same text', '{"output":[1]}', '{"output":[1]}', true],
  ['another label', '{"output":[[0.2,0.8]],"labels":["b"]}', '{"output":[[0.6,0.4]],"labels":["a"]}', false],
  ['the same label with other numbers', '{"output":[0.2,0.8],"label":"b"}', '{"output":[0.4,0.6],"label":"b"}', true],
  ['probabilities with the same winner', '{"output":[[0.2,0.8]]}', '{"output":[[0.45,0.55]]}', true],
  ['probabilities with another winner', '{"output":[[0.2,0.8]]}', '{"output":[[0.55,0.45]]}', false],
  ['a number within the tolerance', '{"output":[[100.5]]}', '{"output":[[95.5]]}', true],
  ['a number beyond it', '{"output":[[100.5]]}', '{"output":[[80.5]]}', false],
  ['numbers that point elsewhere', '{"output":[[1.5,2.5]]}', '{"output":[[-1.5,-2.5]]}', false],
  ['another class', '{"predictions":[3]}', '{"predictions":[4]}', false],
  ['a probability on the other side of a half', '{"predictions":[0.52]}', '{"predictions":[0.48]}', false],
  ['another number of rows', '{"predictions":[[1.5],[2.5]]}', '{"predictions":[[1.5]]}', false],
  ['tensors of the open protocol', v2('1', [0.1, 0.9]), v2('2', [0.2, 0.8]), true],
  ['tensors of the open protocol that disagree', v2('1', [0.1, 0.9]), v2('2', [0.8, 0.2]), false],
  ['no JSON', 'a', 'b', undefined],
  ['no prediction', '{"a":1}', '{"a":2}', undefined],
])('answers are compared by what they predict: %s', (_, left, right, expected) => {
  expect(agree(left, right, 0.1, 0.5)).toBe(expected);
});

function v2(version: string, data: readonly number[]): string {
  return JSON.stringify({ model_name: 'm', model_version: version, outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data }] });
}

test('of several rows one is looked at, so that the share of requests is the share of rows', () => {
  const [left, right] = ['{"labels":["a","a","a","a"]}', '{"labels":["a","a","a","b"]}'];
  expect([0, 0.3, 0.6, 0.9].map((point) => agree(left, right, 0.1, point))).toEqual([true, true, true, false]);
});

let rig: RouteRig;
beforeEach(async () => {
  rig = await RouteRig.open();
});
afterEach(() => rig.close());

const well = '{"output":[0.9,0.1],"label":"a"}';

test('copies go to the candidate as they came, are compared with what users got, and are no requests of its', async () => {
  await rig.start();
  const bodies: string[] = [];
  const stable = await rig.behind(says(well));
  const candidate = await rig.behind((asked, response, body) => {
    bodies.push(`${asked.method} ${asked.url} ${asked.headers['content-type']} ${body}`);
    response.end(bodies.length % 4 === 0 ? '{"output":[0.2,0.8],"label":"b"}' : well);
  });
  await rig.put(1, [
    { stamp: 'stable', weight: 100, backends: [stable.url] },
    { stamp: 'candidate', weight: 0, mirror: 100, backends: [candidate.url], warmUpAnswers: 0 },
  ]);
  for (let count = 0; count < 40; count++) {
    const given = { body: `{"n":${count}}`, headers: { 'content-type': 'application/json' } };
    expect(await call(`${rig.url}/predict`, given)).toMatchObject({ status: 200, text: well });
  }
  await call(`${rig.url}/elsewhere`, { body: '{}' });
  await expect.poll(async () => (await rig.traffic()).comparisons[0]?.compared).toBe(40);
  const { revisions, comparisons } = await rig.traffic();
  expect(revisions).toMatchObject([
    { stamp: 'stable', requests: 41, failures: 0 },
    { stamp: 'candidate', requests: 0 },
  ]);
  expect(comparisons).toMatchObject([{ stable: 'stable', candidate: 'candidate', compared: 40, disagreed: 10, failed: 0, shed: 0 }]);
  expect(comparisons[0]?.latencies.reduce((sum, each) => sum + each)).toBe(40);
  expect(bodies[0]).toBe('POST /predict application/json {"n":0}');
});

test('a candidate that fails copies is charged with that, and nobody notices', async () => {
  await rig.start();
  const [stable, candidate] = [await rig.behind(says(well)), await rig.behind(says('{"error":"x"}', 500))];
  await rig.put(1, [
    { stamp: 'stable', weight: 100, backends: [stable.url] },
    { stamp: 'candidate', weight: 0, mirror: 100, backends: [candidate.url] },
  ]);
  for (let count = 0; count < 20; count++) expect((await call(`${rig.url}/predict`, { body: '{}' })).status).toBe(200);
  await expect.poll(async () => (await rig.traffic()).comparisons).toMatchObject([{ compared: 0, failed: 20 }]);
  await candidate.kill();
  for (let count = 0; count < 5; count++) expect((await call(`${rig.url}/predict`, { body: '{}' })).status).toBe(200);
  await expect.poll(async () => (await rig.traffic()).comparisons).toMatchObject([{ compared: 0, failed: 25 }]);
});

test('a candidate that hangs gets no more than a few copies at once; the rest is left out, and users wait for none', async () => {
  await rig.start();
  let under = 0;
  const stable = await rig.behind(says(well));
  const candidate = await rig.behind(() => {
    under++;
  });
  await rig.put(1, [
    { stamp: 'stable', weight: 100, backends: [stable.url] },
    { stamp: 'candidate', weight: 0, mirror: 100, backends: [candidate.url] },
  ]);
  const load = loadOn(rig.url, { body: '{}', requestsPerSecond: 300, timeoutMs: 2_000 });
  await load.answered(400);
  const { lost } = await load.stop();
  expect(lost).toEqual([]);
  expect(under).toBe(64);
  const [comparison] = (await rig.traffic()).comparisons;
  expect(comparison?.shed).toBeGreaterThanOrEqual(336);
  // What the candidate has when it leaves the table is nobody's failure.
  await rig.put(2, [{ stamp: 'stable', weight: 100, backends: [stable.url] }]);
  expect((await rig.traffic()).comparisons).toMatchObject([{ compared: 0, failed: 0 }]);
});

test('what a candidate answers itself is not copied to it, and what failed is compared with nothing', async () => {
  await rig.start();
  const [stable, candidate] = [await rig.behind(says('{"error":"no"}', 400)), await rig.behind(says(well))];
  await rig.put(1, [
    { stamp: 'stable', weight: 50, backends: [stable.url] },
    { stamp: 'candidate', weight: 50, mirror: 100, backends: [candidate.url] },
  ]);
  for (let count = 0; count < 40; count++) await call(`${rig.url}/predict`, { body: '{}' });
  const { comparisons, revisions } = await rig.traffic();
  expect(comparisons).toEqual([]);
  expect(revisions.map(({ failures }) => failures)).toEqual([0, 0]);
  expect(candidate.asked).toBe(revisions[1]?.requests);
});

test('binary answers are compared by what they predict, whichever release says so', async () => {
  await rig.start();
  const binary = (version: string, scores: readonly number[], label: bigint): Buffer => {
    const blocks = [Buffer.from(Float32Array.from(scores).buffer), Buffer.from(BigInt64Array.of(label).buffer)];
    const outputs = [
      { name: 'scores', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } },
      { name: 'label', datatype: 'INT64', shape: [1], parameters: { binary_data_size: 8 } },
    ];
    const head = JSON.stringify({ model_name: 'm', model_version: version, outputs });
    return Buffer.concat([Buffer.from(head), ...blocks]);
  };
  const answers = (of: (count: number) => Buffer): Behaviour => {
    let count = 0;
    return (_, response) => {
      const body = of(count++);
      response.setHeader('inference-header-content-length', body.length - 16);
      response.end(body);
    };
  };
  const stable = await rig.behind(answers(() => binary('1', [0.9, 0.1], 0n)));
  const candidate = await rig.behind(answers((count) => (count % 4 === 0 ? binary('2', [0.2, 0.8], 1n) : binary('2', [0.8, 0.2], 0n))));
  await rig.put(1, [
    { stamp: 'stable', weight: 100, backends: [stable.url] },
    { stamp: 'candidate', weight: 0, mirror: 100, backends: [candidate.url] },
  ]);
  for (let count = 0; count < 20; count++) await call(`${rig.url}/v2/models/m/infer`, { body: '{}' });
  await expect.poll(async () => (await rig.traffic()).comparisons[0]).toMatchObject({ compared: 20, disagreed: 5, failed: 0 });
});

test('what a release refuses is counted apart from what it fails', async () => {
  await rig.start();
  const picky = await rig.behind((_, response) => {
    response.statusCode = 400;
    response.end('{"error":"another shape"}');
  });
  await rig.put(1, [{ stamp: 'picky', weight: 100, backends: [picky.url] }]);
  for (let count = 0; count < 3; count++) await call(`${rig.url}/predict`, { body: '{}' });
  expect((await rig.traffic()).revisions).toMatchObject([{ stamp: 'picky', requests: 3, failures: 0, refusals: 3 }]);
});
