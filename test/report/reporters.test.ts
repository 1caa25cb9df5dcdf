import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { jsonReporter } from '../../core/report/json.ts';
import { liveReporter } from '../../core/report/live.ts';
import { plainReporter } from '../../core/report/plain.ts';
import type { RunEvent } from '../../core/spec/event.ts';
import type { Reporter } from '../../core/spec/journal.ts';
import { badRun, goodRun, plan, stamped, startMs } from './events.ts';

function sink() {
  const parts: string[] = [];
  return { write: (text: string) => parts.push(text), text: () => parts.join('') };
}

async function tell(reporter: Reporter, events: readonly RunEvent[]): Promise<void> {
  for (const event of events) reporter.event(event);
  await reporter.end();
}

async function plain(events: readonly RunEvent[], options = {}): Promise<string> {
  const to = sink();
  await tell(plainReporter(to, options), events);
  return to.text();
}

describe('the plain reporter', () => {
  test('writes a line for each thing that a reader wants to know', async () => {
    expect(await plain(goodRun)).toMatchInlineSnapshot(`
      "run r1 of digits, profile default
      plan: 4 to run, 1 reused; 9.0 s and more
      [model] reused: 0123456789ab
      [onnx] started: to-onnx
      [onnx] 40 % converting the graph
      [onnx] | tf2onnx 1.17.0
      [onnx] warning: an odd layer
      [onnx] done in 9.8 s: 0123456789ab, 409 kB
      [int8] started: quantize
      [int8] attempt 1 failed: MF3001: out of memory
      [int8] again in 1.0 s
      [int8] started: quantize, attempt 2
      [int8] done in 3.2 s: 0123456789ab, 112 kB
      run: 2 of 4 done
      [bundle] gate pass: after.accuracy at least 0.9: accuracy is 0.91: holds with 0.01 to spare
      [bundle] started: bundle
      [bundle] done in 40 ms: 0123456789ab, 230 kB
      [service] started: deploy
      [service] live: digits on local at http://127.0.0.1:8080
      [service] done in 900 ms: 0123456789ab, 100 B
      done in 20 s: 4 made, 1 reused
      "
    `);
  });

  test('says what failed and what was skipped for it, each on one line', async () => {
    expect(await plain(badRun)).toMatchInlineSnapshot(`
      "run r1 of digits, profile default
      plan: 4 to run, 1 reused; 9.0 s and more
      [model] reused: 0123456789ab
      [onnx] started: to-onnx
      [int8] started: quantize
      [onnx] FAILED: MF3102: the operator \`Foo\` cannot be exported at opset 13
      [bundle] skipped: it needs onnx, which did not finish
      warning: artifact 0123456789ab was damaged and set aside: model.onnx has other bytes
      FAILED after 7.0 s: 1 reused, 1 failed, 1 stopped, 1 skipped, 1 not begun
      "
    `);
  });

  test('tells what was merely not begun from what could not be made', async () => {
    const aside = { type: 'node-skipped', node: 'service', because: [], seq: 98, at: '2026-03-01T02:01:00.000Z' } as const;
    const lines = (await plain([...badRun.slice(0, -1), aside, ...badRun.slice(-1)])).split('\n');
    expect(lines).toContain('[service] not begun: the run was ending');
    expect(lines.at(-2)).toMatch(/ 1 skipped, 1 not begun$/);
  });

  test('puts the time of the event before each line when asked', async () => {
    for (const line of (await plain(goodRun, { timestamps: true })).trimEnd().split('\n'))
      expect(line).toMatch(/^2026-03-01T02:00:\d\d\.000Z /);
  });

  test('repeats progress of the same words only every ten seconds', async () => {
    const [begun, , started] = goodRun;
    const progress = Array.from(
      { length: 25 },
      (_, index) => ({ type: 'node-progress', node: 'onnx', fraction: index / 25, doing: 'converting' }) as const,
    );
    const lines = (await plain([...[begun, started].filter((event) => event !== undefined), ...stamped(progress)])).split('\n');
    expect(lines.filter((line) => line.includes('converting'))).toEqual([
      '[onnx] 0 % converting',
      '[onnx] 40 % converting',
      '[onnx] 80 % converting',
    ]);
  });
});

test('progress in new words is told at once', async () => {
  const said = ['loading', 'converting', 'loading'].map(
    (doing) => ({ type: 'node-progress', node: 'onnx', fraction: undefined, doing }) as const,
  );
  expect(await plain(stamped(said))).toBe('[onnx] loading\n[onnx] converting\n[onnx] loading\n');
});

test('the JSON reporter writes each event as one line that reads back the same', async () => {
  const to = sink();
  await tell(jsonReporter(to), goodRun);
  const read = to
    .text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(read).toEqual(JSON.parse(JSON.stringify(goodRun)));
});

/** A terminal that remembers, with the least that listr2 asks of one. */
function terminal() {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what is taken away.
  const text = () => chunks.join('').replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
  return { stream: Object.assign(stream, { isTTY: true, columns: 120, rows: 40 }) as unknown as NodeJS.WriteStream, text };
}

describe('the live reporter', () => {
  const drawn = async (events: readonly RunEvent[]): Promise<readonly string[]> => {
    const { stream, text } = terminal();
    const reporter = await liveReporter(plan, { terminal: stream, now: () => startMs + 15_000 });
    await tell(reporter, events);
    // The last frame is drawn once more when the run has ended, below all that moved.
    return text()
      .split('\n')
      .map((line) => line.trim())
      .filter(Boolean);
  };

  test('ends with a line for each node that was made, warnings, and what the run came to', async () => {
    const lines = await drawn(goodRun);
    expect(lines[0]).toBe('digits, profile default: 4 to run, 1 reused; 9.0 s and more');
    expect(lines.slice(-6)).toEqual([
      expect.stringMatching(/^\S onnx {2}to-onnx {2}done in 9\.8 s, 409 kB$/),
      expect.stringMatching(/^\S int8 {2}quantize {2}done in 3\.2 s, 112 kB$/),
      expect.stringMatching(/^\S bundle {2}bundle {2}done in 40 ms, 230 kB$/),
      expect.stringMatching(/^\S service {2}deploy {2}done in 900 ms, 100 B$/),
      'warning: [onnx] an odd layer',
      'done in 20 s: 4 made, 1 reused',
    ]);
  });

  test('shows what a node does, how far it is, and since when', async () => {
    const lines = await drawn(goodRun.slice(0, 6));
    expect(lines).toContainEqual(expect.stringMatching(/^\S onnx {2}to-onnx {2}50 % {2}converting the graph {2}13 s of about 9\.0 s$/));
    expect(lines.at(-1)).toBe('not finished: 1 reused, 3 not begun');
  });

  test('writes plain lines to a terminal that does not say how wide it is', async () => {
    const { stream, text } = terminal();
    await tell(await liveReporter(plan, { terminal: Object.assign(stream, { columns: 0 }) }), goodRun);
    expect(text()).toBe(await plain(goodRun));
  });

  test('names failures, skips and stops in words', async () => {
    const lines = await drawn(badRun);
    expect(lines.slice(-5)).toEqual([
      expect.stringMatching(/^\S onnx {2}to-onnx {2}FAILED: MF3102: the operator `Foo` cannot be exported at opset 13$/),
      expect.stringMatching(/^\S int8 {2}quantize {2}stopped$/),
      expect.stringMatching(/^\S bundle {2}bundle {2}skipped: it needs onnx, which did not finish$/),
      expect.stringMatching(/^\S service {2}deploy$/),
      'FAILED after 7.0 s: 1 reused, 1 failed, 1 stopped, 1 skipped, 1 not begun',
    ]);
    const done = (await drawn(goodRun)).find((line) => line.endsWith('100 B'))?.[0];
    const [failed, stopped, skipped] = lines.slice(-5).map((line) => line[0]);
    expect(new Set([done, failed, skipped]).size).toBe(3);
    expect(stopped).toBe(failed);
  });
});
