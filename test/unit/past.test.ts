import { expect, it } from 'vitest';
import { pastOf } from '../../core/cli/past.ts';
import type { RunEvent } from '../../core/spec/event.ts';

it('the last run of a pipeline of thousands of stages is enough to plan the next; of older ones only the releases are read', () => {
  const nodes = Array.from({ length: 10_000 }, (_, at) => `node-${at}`);
  const started = { type: 'run-started', run: '3', plan: { steps: nodes.map((node) => ({ node, lastMs: 7 })) } };
  const reused = nodes.map((node) => ({ type: 'node-reused', node, fingerprint: node, parts: { of: node } }));
  const read: string[] = [];
  const past = pastOf({
    ids: () => ['1', '2', '3'],
    events: (run) => {
      read.push(run);
      return [started, ...reused] as unknown as readonly RunEvent[];
    },
    releases: (run) => {
      read.push(`releases of ${run}`);
      return run === '1' ? ([{ type: 'release-refused', stamp: 's', why: 'bad' }] as unknown as readonly RunEvent[]) : [];
    },
  });
  expect(read.toSorted()).toEqual(['3', 'releases of 1', 'releases of 2']);
  expect(past.refused.get('s')).toBe('bad');
  expect(past.nodes.get('node-9999')).toMatchObject({ fingerprint: 'node-9999', outcome: 'done', lastMs: 7 });
});
