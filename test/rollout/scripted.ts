import { existsSync, readFileSync } from 'node:fs';
import { makeRig, type Rig } from '../support/rig.ts';

/**
 * A target whose world is files. Each look at its counts adds traffic, split as the world says; releases fail, disagree and are slow as
 * `rates.json` says of their names. What is asked of it is written down in `calls.txt`.
 */
const place = `
import { appendFileSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { defineArtifact, defineStage, defineTarget, failure, latencyBoundsMs, z } from 'modelflow';

export const Model = defineArtifact('model', z.object({ name: z.string() }));
export const model = defineStage({ name: 'model', version: 1, inputs: {}, options: { name: z.string() }, output: Model,
  async run({ options, out }) { writeFileSync(out + '/model.txt', options.name); return { name: options.name }; } });
export const put = defineStage({ name: 'put', version: 1, inputs: { what: Model },
  options: { target: z.custom<any>(), strategy: z.any().optional(), service: z.string().default('svc') }, manner: ['strategy'], output: defineArtifact('put', z.looseObject({})),
  deploys: ({ target, service, strategy }) => ({ target, service, slot: 'what', ...(strategy ? { strategy } : {}) }),
  async run({ live, out }) { writeFileSync(out + '/live.txt', 'live'); return { url: live?.url }; } });

const json = (file: string, otherwise: any): any => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : otherwise);
// Killed at any moment: a file is there whole.
const save = (file: string, value: unknown): void => { writeFileSync(file + '.new', JSON.stringify(value)); renameSync(file + '.new', file); };
const call = (line: string): void => appendFileSync('calls.txt', line + '\\n');
const nothing = { revisions: [], token: 0, names: {} };
const reach = (): void => { if (existsSync('down.txt')) throw failure('MF5002', 'the place does not answer', { hint: 'Start it.' }); };

const split = (weights: string) => ({ split: () => (weights === 'replicas' ? { by: 'replicas' as const, replicas: 4 } : { by: 'requests' as const, mirrors: true }) });
const counts = { observe: async (_ctx: any, service: string) => {
  reach();
  const world = json('world-' + service + '.json', nothing);
  const rates = json('rates.json', {});
  const each: number = rates.perLook ?? 200;
  const was = json('counts-' + service + '.json', {});
  const stable = world.revisions.find((r: any) => r.weight > 0 && rates[world.names[r.stamp]]?.isCandidate !== true) ?? world.revisions[0];
  const now: any = { ...was };
  const bucketOf = (ms: number): number => { const found = latencyBoundsMs.findIndex((bound) => ms <= bound); return found < 0 ? latencyBoundsMs.length : found; };
  const none = () => new Array(latencyBoundsMs.length + 1).fill(0);
  for (const r of world.revisions) {
    const rate = rates[world.names[r.stamp]] ?? {};
    const seen = now[r.stamp] ?? { requests: 0, failures: 0, latencies: none(), compared: 0, disagreed: 0, failed: 0, copies: none() };
    const requests = Math.round((each * r.weight) / 100);
    const latencies = [...seen.latencies]; const copies = [...seen.copies];
    const total = seen.requests + requests;
    // Exactly its share, over all the answers so far.
    const failures = Math.floor(total * (rate.fails ?? 0));
    for (let n = 0; n < requests; n++) latencies[bucketOf((rate.ms ?? 20) * (0.5 + ((n * 7919) % 100) / 100))]++;
    const mirrored = Math.round((each * (r.mirror ?? 0)) / 100);
    for (let n = 0; n < mirrored; n++) copies[bucketOf((rate.ms ?? 20) * (0.5 + ((n * 7919) % 100) / 100))]++;
    const compared = seen.compared + mirrored;
    now[r.stamp] = { requests: total, failures, latencies, compared, copies, disagreed: Math.floor(compared * (rate.disagrees ?? 0)), failed: 0 };
  }
  save('counts-' + service + '.json', now);
  return { sources: [{ source: 'router', revisions: Object.entries<any>(now).map(([stamp, { requests, failures, latencies }]) => ({ stamp, requests, failures, latencies })),
    comparisons: Object.entries<any>(now).filter(([stamp]) => stamp !== stable?.stamp).map(([stamp, { compared, disagreed, failed, copies }]) => ({ stable: stable?.stamp ?? '', candidate: stamp, compared, disagreed, failed, shed: 0, latencies: copies })) }] };
} };

const targetOf = (weights: string) => defineTarget({ name: 'place', version: 1, settings: { size: z.number().default(1) }, runs: [Model],
  check: async () => [],
  read: async (_ctx, service) => {
    reach();
    const world = json('world-' + service + '.json', nothing);
    const sick = existsSync('sick.txt') ? readFileSync('sick.txt', 'utf8') : '';
    return { service, url: world.revisions.length ? 'http://' + service : undefined, token: String(world.token), settings: {},
      revisions: world.revisions.map((r: any) => ({ id: world.names[r.stamp], ...r, health: existsSync('stopped.txt') ? 'stopped' : sick.includes(world.names[r.stamp]) ? 'failing' : 'ready' })) };
  },
  apply: async (ctx, want, have) => {
    reach();
    const world = json('world-' + want.service + '.json', nothing);
    if (have.token !== String(world.token)) throw failure('MF5001', 'the place has moved');
    const names = Object.fromEntries(want.revisions.map((r) => [r.stamp, (r.what.facts as any).name]));
    const revisions = want.revisions.map(({ stamp, weight, mirror }) => ({ stamp, weight, ...(mirror === undefined ? {} : { mirror }) }));
    const cannot = existsSync('cannot.txt') ? readFileSync('cannot.txt', 'utf8').trim() : undefined;
    if (cannot !== undefined && revisions.length > 1 && Object.values(names).includes(cannot)) throw failure('MF5001', cannot + ' does not start');
    const isSo = JSON.stringify(revisions) === JSON.stringify(world.revisions) && !existsSync('stopped.txt');
    if (!isSo) call(want.revisions.map((r) => names[r.stamp] + '=' + r.weight + (r.mirror ? '+' + r.mirror : '')).join(' '));
    rmSync('stopped.txt', { force: true });
    save('world-' + want.service + '.json', { revisions, names, token: isSo ? world.token : world.token + 1 });
    return { service: want.service, url: 'http://' + want.service, token: String(isSo ? world.token : world.token + 1), settings: {}, revisions: revisions.map((r) => ({ id: names[r.stamp] ?? '', ...r, health: 'ready' as const })) };
  },
  probe: async (_ctx, live) => {
    const bad = existsSync('bad.txt') ? readFileSync('bad.txt', 'utf8') : '';
    return live.revisions.some((r) => r.weight === 100 && bad.includes(r.id)) ? { ok: false as const, why: 'answers nonsense' } : { ok: true as const };
  },
  remove: async (_ctx, service) => { reach(); call('removed'); rmSync('world-' + service + '.json', { force: true }); },
  ...(weights === 'none' ? {} : { ...split(weights), ...counts }),
});
export const place = targetOf('requests');
export const whole = targetOf('none');
export const pods = targetOf('replicas');
`;

/** Quick looks, and few answers needed. */
export const quick = '{ intervalMs: 100, maxWaitMs: 20_000, minRequests: 20 }';
export const canaryOf = (steps: string, analysis = quick, more = ''): string =>
  `canary({ steps: ${steps}, mirror: 0, analysis: ${analysis}, ${more} })`;

export function configOf(name: string, strategy: string, target = 'place'): string {
  return `
import { blueGreen, canary, definePipeline, rolling, shadow } from 'modelflow';
import { model, place, pods, put, whole } from './place.ts';
export default definePipeline({ name: 'own', profiles: ['dev'], build: () => {
  return { made: model({ name: ${JSON.stringify(name)} }), live: put({ what: model({ name: ${JSON.stringify(name)} }), target: ${target}(), strategy: ${strategy} }) };
} });
`;
}

/** A service that serves the release `one`. */
export async function servingRig(rates: object = {}): Promise<Rig> {
  const rig = makeRig({ 'place.ts': place, 'rates.json': JSON.stringify(rates), 'deploy.config.ts': configOf('one', 'rolling()') });
  const run = await rig.run('run');
  if (run.code !== 0) throw new Error(run.stderr);
  return rig;
}

/** What was applied, oldest first: `one=95 two=5`. */
export function calls(rig: Rig): readonly string[] {
  return existsSync(rig.path('calls.txt')) ? readFileSync(rig.path('calls.txt'), 'utf8').trim().split('\n') : [];
}

/** What users get: `one=95 two=5`. */
export function shares(rig: Rig): string {
  const { revisions, names } = JSON.parse(rig.read('world-svc.json'));
  return revisions.map((each: { stamp: string; weight: number }) => `${names[each.stamp]}=${each.weight}`).join(' ');
}
