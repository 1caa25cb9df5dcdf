import type { NewEvent, RunEvent } from '../../core/spec/event.ts';
import type { FingerprintParts, Plan, Step } from '../../core/spec/plan.ts';

export const digest = '0123456789abcdef'.repeat(4);
export const startMs = Date.parse('2026-03-01T02:00:00.000Z');

export const parts: FingerprintParts = { format: 1, stage: 's', version: 1, code: {}, tools: {}, options: {}, inputs: {} };

const run = (node: string, stage: string, lastMs?: number): Step => ({
  node,
  stage,
  lastMs,
  do: 'run',
  because: [{ why: 'never-ran' }],
  fingerprint: digest,
});

export const plan: Plan = {
  format: 2,
  pipeline: 'digits',
  profile: 'default',
  steps: [
    { node: 'model', stage: 'keras-model', lastMs: 10, do: 'reuse', digest, fingerprint: digest },
    run('onnx', 'to-onnx', 9000),
    run('int8', 'quantize'),
    run('bundle', 'bundle'),
    run('service', 'deploy'),
  ],
  gates: [],
  policies: [],
  approvals: [],
};

/** Each event a second after the one before. */
export function stamped(events: readonly NewEvent[]): readonly RunEvent[] {
  return events.map((event, seq) => ({ ...event, seq, at: new Date(startMs + seq * 1000).toISOString() }));
}

const release = {
  target: 'local',
  settings: {},
  service: 'digits',
  stamp: 'ab'.repeat(32),
  what: digest,
  by: undefined,
  commit: undefined,
};
const started = (node: string, stage: string, attempt = 1): NewEvent => ({
  type: 'node-started',
  node,
  stage,
  attempt,
  fingerprint: digest,
  parts,
});
const finished = (node: string, durationMs: number, sizeBytes: number): NewEvent => ({
  type: 'node-finished',
  node,
  fingerprint: digest,
  digest,
  facts: { sizeBytes },
  sizeBytes,
  durationMs,
});
const begun: NewEvent = { type: 'run-started', run: 'r1', pipeline: 'digits', profile: 'default', modelflow: '0.1.0', plan };

/** Everything goes well: a reuse, progress, a warning, a retry, gates, a release. */
export const goodRun = stamped([
  begun,
  { type: 'node-reused', node: 'model', fingerprint: digest, parts, digest, facts: {} },
  started('onnx', 'to-onnx'),
  { type: 'child-started', node: 'onnx', pid: 1, startedAt: '1' },
  { type: 'node-progress', node: 'onnx', fraction: 0.4, doing: 'converting the graph' },
  { type: 'node-progress', node: 'onnx', fraction: 0.5, doing: 'converting the graph' },
  { type: 'node-output', node: 'onnx', level: 'info', line: 'tf2onnx 1.17.0' },
  { type: 'node-output', node: 'onnx', level: 'warn', line: 'an odd\u001b[31m layer' },
  finished('onnx', 9800, 409_000),
  started('int8', 'quantize'),
  {
    type: 'node-retried',
    node: 'int8',
    attempt: 1,
    pauseMs: 1000,
    diagnostic: { code: 'MF3001', severity: 'error', message: 'out of memory' },
  },
  started('int8', 'quantize', 2),
  finished('int8', 3200, 112_000),
  {
    type: 'gate-judged',
    node: 'bundle',
    text: 'after.accuracy at least 0.9',
    verdict: 'pass',
    detail: 'accuracy is 0.91: holds with 0.01 to spare',
  },
  started('bundle', 'bundle'),
  finished('bundle', 40, 230_000),
  started('service', 'deploy'),
  { type: 'release-intended', node: 'service', release },
  {
    type: 'released',
    node: 'service',
    release,
    live: { service: 'digits', url: 'http://127.0.0.1:8080', revisions: [], token: 't', settings: {} },
  },
  finished('service', 900, 100),
  { type: 'run-ended', outcome: 'ok', durationMs: 20_000 },
]);

/** A stage fails, what needs it is skipped, and another is at work when the run is stopped. */
export const badRun = stamped([
  begun,
  { type: 'node-reused', node: 'model', fingerprint: digest, parts, digest, facts: {} },
  started('onnx', 'to-onnx'),
  started('int8', 'quantize'),
  {
    type: 'node-failed',
    node: 'onnx',
    diagnostics: [{ code: 'MF3102', severity: 'error', message: 'the operator `Foo` cannot be exported\nat opset 13' }],
  },
  { type: 'node-skipped', node: 'bundle', because: ['onnx'] },
  { type: 'artifact-quarantined', digest, why: 'model.onnx has other bytes' },
  { type: 'run-ended', outcome: 'failed', durationMs: 7000 },
]);
