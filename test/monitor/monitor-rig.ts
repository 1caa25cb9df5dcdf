import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineStage, type Log } from 'modelflow';
import { Deployment, monitor } from 'modelflow/stages';

const deployment = defineStage({
  name: 'deployed',
  version: 1,
  inputs: {},
  options: {},
  output: Deployment,
  run: () => Promise.reject(new Error('never run')),
});

/** Runs the monitor stage as the engine would, against a service at `url`. */
export async function watch(url: string, options: Omit<Parameters<typeof monitor>[0], 'service'> = {}) {
  const { node } = monitor({ service: deployment({}), ...options });
  const out = await mkdtemp(join(tmpdir(), 'mf-monitor-'));
  const lines: string[] = [];
  const log: Log = { info: (line) => lines.push(line), warn: (line) => lines.push(`warning: ${line}`), progress: () => {} };
  const facts = { service: 'digits', target: 'local', url, stamp: 's', revision: '1' };
  const service = { kind: 'deployment', digest: 'd', path: '/nowhere', sizeBytes: 1, facts };
  const context = { inputs: { service }, options: node.options, out, signal: new AbortController().signal, log };
  return {
    out,
    lines,
    run: async () => node.stage.output.facts.parse(await node.stage.run(context as never)),
    verify: () => node.stage.verify?.({} as never, context as never),
  };
}
