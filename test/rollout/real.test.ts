import { describe, expect, it } from 'vitest';
import { openService } from './real-release.ts';

const strategy =
  'canary({ steps: [50], mirror: 20, analysis: { intervalMs: 200, maxWaitMs: 120_000, errors: { tolerate: 0.05 }, latency: false } })';

describe('a canary of real models on the local target, asked all the time', () => {
  it('with wrong weights is stopped; the same again takes over; no request of either is lost', async () => {
    const service = await openService(strategy);
    try {
      const wrong = await service.release('wrong weights');
      expect(wrong.outcome, wrong.said).toBe('stopped');
      expect(wrong.lost).toEqual([]);
      const good = await service.release('the same again');
      expect(good.outcome, good.said).toBe('promoted');
      expect(good.lost).toEqual([]);
    } finally {
      await service.close();
    }
  });
});
