import type { Readable } from 'node:stream';
import { failure } from '../../../core/index.ts';
import type { Container, Engine } from '../../lib/docker.ts';
import { framesOf } from './frames.ts';

/** A request that is made from inside the router's container: over any connection to the engine, and past all published ports. */
export interface InsideCall {
  readonly method?: 'GET' | 'PUT';
  readonly url: string;
  readonly body?: unknown;
  /** How long one answer may take. */
  readonly timeoutMs?: number;
  /** Ask again until it is answered with 200 — and, with `idle`, until none of these stamps has a request under way — or this time is over. */
  readonly untilMs?: number;
  readonly idle?: readonly string[];
}

/** Status 0: not answered; `text` says why. */
export interface InsideAnswer {
  readonly status: number;
  readonly text: string;
}

/** Makes all calls at once, and prints the list of answers. Runs in whatever Node the router's image has. */
const program = `
const http = require('node:http');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const once = (call) => new Promise((resolve) => {
  const request = http.request(call.url, { method: call.method || 'GET', agent: false, timeout: call.timeoutMs || 5000, headers: { 'content-type': 'application/json' } }, (answer) => {
    let text = '';
    answer.setEncoding('utf8').on('data', (piece) => { text += piece; });
    answer.on('end', () => resolve({ status: answer.statusCode, text }));
    answer.on('error', (error) => resolve({ status: 0, text: error.message }));
  });
  request.on('timeout', () => request.destroy(new Error('no answer in ' + (call.timeoutMs || 5000) + ' ms')));
  request.on('error', (error) => resolve({ status: 0, text: error.message }));
  request.end(call.body === undefined ? undefined : JSON.stringify(call.body));
});
const isIdle = (call, answer) => {
  if (!call.idle) return true;
  const { inFlight = {} } = JSON.parse(answer.text);
  return call.idle.every((stamp) => !inFlight[stamp]);
};
const run = async (call) => {
  const end = Date.now() + (call.untilMs || 0);
  for (;;) {
    const answer = await once(call);
    if ((answer.status === 200 && isIdle(call, answer)) || Date.now() >= end) return answer;
    await pause(50);
  }
};
Promise.all(JSON.parse(process.argv[1]).map(run)).then((answers) => process.stdout.write(JSON.stringify(answers)));
`;

/** Asks from inside a router that runs. Throws MF5211 when nothing can be run in it. */
export async function askInside(
  engine: Engine,
  router: Container,
  node: string,
  calls: readonly InsideCall[],
  signal: AbortSignal,
): Promise<readonly InsideAnswer[]> {
  const Cmd = [node, '-e', program, JSON.stringify(calls)];
  const exec = await router.exec({ Cmd, AttachStdout: true, AttachStderr: true, abortSignal: signal });
  const stream = (await exec.start({ abortSignal: signal })) as unknown as Readable;
  const said = { stdout: '', stderr: '' };
  const stop = () => stream.destroy(signal.reason);
  signal.addEventListener('abort', stop);
  try {
    for await (const frame of framesOf(stream)) said[frame.stream] += frame.bytes.toString('utf8');
  } finally {
    signal.removeEventListener('abort', stop);
  }
  try {
    return JSON.parse(said.stdout) as readonly InsideAnswer[];
  } catch (cause) {
    throw failure('MF5211', `nothing can be asked from inside the router at ${engine.endpoint.url}: ${said.stderr.trim() || 'no answer'}`, {
      hint: 'Run again: a router that does not work is made anew.',
      detail: said.stderr.trim().split('\n').slice(-10),
      cause,
    });
  }
}
