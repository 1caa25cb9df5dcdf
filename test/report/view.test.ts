import { describe, expect, test } from 'vitest';
import { followRun, viewOf } from '../../core/plan/view.ts';
import { badRun, digest, goodRun, stamped } from './events.ts';

const states = (view: ReturnType<typeof viewOf>) => Object.fromEntries([...view.nodes].map(([name, node]) => [name, node.state]));

describe('the view of a run', () => {
  test('has the nodes of the plan in its order, each in the state that its last event tells', () => {
    expect(states(viewOf(goodRun))).toEqual({ model: 'reused', onnx: 'done', int8: 'done', bundle: 'done', service: 'done' });
    expect(states(viewOf(badRun))).toEqual({ model: 'reused', onnx: 'failed', int8: 'stopped', bundle: 'skipped', service: 'waiting' });
  });

  test('is at every event what a fresh fold of the events so far gives', () => {
    for (const events of [goodRun, badRun]) {
      const follower = followRun();
      for (const [index, event] of events.entries()) {
        follower.add(event);
        expect(follower.view).toEqual(viewOf(events.slice(0, index + 1)));
      }
    }
  });

  test('knows durations, attempts, sizes, gates, releases and the outcome', () => {
    const view = viewOf(goodRun);
    expect(view).toMatchObject({ run: 'r1', pipeline: 'digits', outcome: 'ok', durationMs: 20_000, startedAt: goodRun[0]?.at });
    expect(view.nodes.get('int8')).toMatchObject({ attempt: 2, durationMs: 3200, sizeBytes: 112_000, digest });
    expect(view.nodes.get('onnx')?.output.map(({ level }) => level)).toEqual(['info', 'warn']);
    expect(view.gates).toMatchObject([{ node: 'bundle', verdict: 'pass' }]);
    expect(view.releases).toMatchObject([{ how: 'released', url: 'http://127.0.0.1:8080' }]);
    expect(viewOf(badRun).nodes.get('onnx')).toMatchObject({ durationMs: 2000, diagnostics: [{ code: 'MF3102' }] });
    expect(viewOf(badRun).quarantined).toEqual([{ digest, why: 'model.onnx has other bytes' }]);
  });

  test('keeps every attempt with its times and how it ended', () => {
    expect(viewOf(goodRun).nodes.get('int8')?.attempts).toMatchObject([
      { attempt: 1, state: 'failed' },
      { attempt: 2, state: 'done', startedAt: goodRun[11]?.at, endedAt: goodRun[12]?.at },
    ]);
    expect(viewOf(badRun).nodes.get('onnx')?.attempts).toMatchObject([{ state: 'failed', endedAt: badRun[4]?.at }]);
    expect(viewOf(badRun).nodes.get('int8')?.attempts).toMatchObject([{ state: 'stopped', endedAt: badRun[7]?.at }]);
    expect(viewOf(goodRun.slice(0, 5)).nodes.get('onnx')?.attempts).toMatchObject([{ state: 'running', endedAt: undefined }]);
  });

  test('while a node runs, tells what it does, and forgets it when the node has ended', () => {
    expect(viewOf(goodRun.slice(0, 6)).nodes.get('onnx')).toMatchObject({ state: 'running', doing: 'converting the graph', fraction: 0.5 });
    expect(viewOf(goodRun).nodes.get('onnx')).toMatchObject({ doing: undefined, fraction: undefined });
  });

  test('of a killed run has no outcome, and its node is still at work', () => {
    const view = viewOf(goodRun.slice(0, 7));
    expect(view.outcome).toBeUndefined();
    expect(view.nodes.get('onnx')?.state).toBe('running');
  });

  test('keeps the last twenty lines of a node', () => {
    const lines = Array.from(
      { length: 50 },
      (_, index) => ({ type: 'node-output', node: 'onnx', level: 'info', line: String(index) }) as const,
    );
    const output = viewOf(stamped(lines)).nodes.get('onnx')?.output ?? [];
    expect(output.map(({ line }) => Number(line))).toEqual(Array.from({ length: 20 }, (_, index) => index + 30));
  });
});
