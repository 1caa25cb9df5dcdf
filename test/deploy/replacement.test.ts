import { Agent, request } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ServiceRig } from './service-rig.ts';

const replacements = 10;
const requestsPerSecond = 200;

let rig: ServiceRig;
beforeEach(async () => {
  rig = await ServiceRig.open();
  rig.entry = undefined;
});
afterEach(() => rig.close());

const body = JSON.stringify({ inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [1, 1, 1] }] });

interface Tally {
  ok: number;
  readonly failures: string[];
  readonly versions: Set<string>;
}

/** Sends requests at a steady rate, whatever becomes of those before, until stopped; then waits for the last answer. */
function load(url: string, agent: Agent | false): { stop(): Promise<Tally>; sent(count: number): Promise<void> } {
  const tally: Tally = { ok: 0, failures: [], versions: new Set() };
  const open = new Set<Promise<void>>();
  let sent = 0;
  let waiting: { readonly count: number; readonly resolve: () => void } | undefined;
  const one = () =>
    new Promise<void>((resolve) => {
      request(`${url}/v2/models/digits/infer`, { agent, method: 'POST' }, (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('error', (error) => resolve(void tally.failures.push(`answer: ${error.message}`)));
        response.on('end', () => {
          if (response.statusCode === 200) tally.ok++;
          else tally.failures.push(`status ${response.statusCode}`);
          const answer = JSON.parse(text);
          tally.versions.add(answer.model_version);
          if (JSON.stringify(answer.outputs?.[0]?.data) !== '[9.5,11.5]') tally.failures.push(`answered ${text}`);
          resolve();
        });
      })
        .on('error', (error) => resolve(void tally.failures.push(`request: ${error.message}`)))
        .end(body);
    });
  const timer = setInterval(() => {
    const doing = one();
    open.add(doing);
    void doing.then(() => open.delete(doing));
    sent++;
    if (waiting && sent >= waiting.count) waiting.resolve();
  }, 1000 / requestsPerSecond);
  return {
    sent: (count) => new Promise((resolve) => (waiting = { count: sent + count, resolve })),
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return tally;
    },
  };
}

test.each([
  ['each request over a connection of its own', () => false as const],
  ['connections that are kept alive', () => new Agent({ keepAlive: true, maxSockets: 50 })],
  ['kept connections that are mostly idle', () => new Agent({ keepAlive: true, maxSockets: 200, scheduling: 'fifo' })],
])('no request is refused, reset or answered wrongly over ten replacements: %s', async (_, agentOf) => {
  let live = await rig.apply(await rig.realBundle(), 'stamp-0', { processes: 2 });
  const agent = agentOf();
  const traffic = load(`${live.url}`, agent);
  await traffic.sent(40);
  for (let count = 1; count <= replacements; count++) {
    live = await rig.apply(await rig.realBundle(), `stamp-${count}`, { processes: 2 }, { have: live });
    await traffic.sent(40);
  }
  const { ok, failures, versions } = await traffic.stop();
  if (agent) agent.destroy();
  expect(failures).toEqual([]);
  expect(ok).toBeGreaterThanOrEqual((replacements + 1) * 40);
  expect(versions).toEqual(new Set(Array.from({ length: replacements + 1 }, (_, index) => `${index + 1}`)));
});
