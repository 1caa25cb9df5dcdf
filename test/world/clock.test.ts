import { expect, test } from 'vitest';
import { systemClock } from '../../core/world/clock.ts';

const never = new AbortController().signal;

test('a pause ends with the reason of the signal', async () => {
  const stop = new AbortController();
  const paused = systemClock().pause(60_000, stop.signal);
  stop.abort('enough');
  await expect(paused).rejects.toBe('enough');
  await expect(systemClock().pause(0, stop.signal)).rejects.toBe('enough');
});

test('a pause comes to its end, and the time is the time of the machine', async () => {
  const clock = systemClock();
  const before = Date.now();
  await clock.pause(1, never);
  expect(clock.now().getTime()).toBeGreaterThanOrEqual(before);
});

test('a pause of more than a month does not end at once', async () => {
  const stop = new AbortController();
  const clock = systemClock();
  const first = await Promise.race([clock.pause(2 ** 33, stop.signal).then(() => 'long'), clock.pause(5, never).then(() => 'short')]);
  stop.abort();
  expect(first).toBe('short');
});
