import { pipelineOf } from '../support/own-stages.ts';
import { makeRig, type Rig } from '../support/rig.ts';

/** What somebody might hide in a name, a fact or a line of a log. */
export const hostile = `</script><script>window.stolen = 1</script><img src=x onerror="window.stolen = 1">'"\`&amp;`;

const stages = `
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineArtifact, defineStage, z } from 'modelflow';
export const Anything = defineArtifact('anything', z.looseObject({}));
export const Score = defineArtifact('score', z.object({ note: z.string(), hits: z.number(), delayMs: z.number(), sizeBytes: z.number() }),
  [
    { fact: 'hits', label: 'hits', unit: 'percent', better: 'higher' },
    { fact: 'delayMs', label: 'delay', unit: 'milliseconds', better: 'lower' },
    { fact: 'sizeBytes', label: 'size', unit: 'bytes', better: 'lower' },
  ],
  [
    { chart: 'trade-off', title: 'Hits and delay', across: 'delayMs', up: 'hits', area: 'sizeBytes' },
    { chart: 'matrix', title: 'Mistakes', file: 'measured.json', at: 'inner.mistakes' },
    { chart: 'table', title: 'Each label', file: 'measured.json', at: 'rows', columns: [{ fact: 'label', label: 'label', unit: 'text' }, { fact: 'share', label: 'share', unit: 'percent' }] },
  ]);
export const stage = (name: string, run: (context: any) => Promise<any>, more: object = {}): any =>
  defineStage({ name, version: 1, inputs: {}, options: {}, output: Anything, run, ...more } as any);
export const kept = (facts: object) => stage('kept', async ({ out }) => { writeFileSync(join(out, 'a.txt'), 'a'); return facts; })({});
export const measure = defineStage({ name: 'measure', version: 1, inputs: {}, output: Score,
  options: { hits: z.number(), delayMs: z.number(), sizeBytes: z.number(), label: z.string() },
  async run({ options: { label, ...facts }, out, log }) {
    log.info('measured ' + label);
    const measured = { inner: { mistakes: { rows: 'truth', columns: 'guess', labels: [label, 'dog'], counts: [[40, 10], [0, 50]] } }, rows: [{ label, share: 0.8 }, { label: 'dog', share: 1 }] };
    writeFileSync(join(out, 'measured.json'), JSON.stringify(measured));
    return { note: label, ...facts };
  },
});
`;

/** Two measurements, one worse than the other in all, a gate on the better, and a service on a target that is a file. */
export const build = (hits: number, label: string): string => `
  const place = defineTarget({ name: 'place', version: 1, settings: {}, runs: [Anything], check: async () => [], remove: async () => undefined, probe: async () => ({ ok: true as const }),
    read: async (ctx, service) => existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : { service, url: undefined, revisions: [], token: '', settings: {} },
    apply: async (ctx, want) => {
      const live = { service: want.service, url: 'javascript:window.stolen=1', revisions: [{ id: '1', stamp: want.revisions[0]?.stamp, weight: 100, health: 'ready' }], token: '1', settings: {} };
      writeFileSync('live.json', JSON.stringify(live));
      return live as any;
    } });
  const put = stage('put', async () => ({}), { inputs: { what: Anything }, options: { target: z.custom<any>() }, deploys: (options: any) => ({ target: options.target, service: 'svc', slot: 'what' }) });
  const label = ${JSON.stringify(label)};
  const before = measure({ hits: 0.9, delayMs: 8, sizeBytes: 4000, label });
  const after = measure({ hits: ${hits}, delayMs: 2, sizeBytes: 1000, label });
  const wrap = stage('wrap', async ({ inputs, log }) => { log.warn(label); return { label, hits: inputs.model.facts.hits }; }, { inputs: { model: Score } })({ model: after, gates: [atLeast(after, 'hits', 0.5), dropAtMost(before, after, 'hits', 0.2)] });
  return { before, after, wrap, service: put({ what: wrap, target: (place as any)() }) };`;

const config = (body: string): string =>
  pipelineOf(body).replace(
    "import { Anything, kept, stage } from './stages';",
    "import { Anything, kept, measure, Score, stage } from './stages';",
  );

export function measuring(body: string): Rig {
  return makeRig({ 'stages.ts': stages, 'deploy.config.ts': config(body) });
}

export function rewrite(rig: Rig, body: string): void {
  rig.write('deploy.config.ts', config(body));
}
