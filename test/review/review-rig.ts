import { ownStages } from '../support/own-stages.ts';
import type { Rig } from '../support/rig.ts';

/** A target whose world is the file live.json, so that a test can change it by hand; each apply adds a line to applied.txt. */
const world = `
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineArtifact, defineStage, defineTarget, file, secretText, z } from 'modelflow';
export const Model = defineArtifact('model', z.object({ sizeBytes: z.number() }));
export const train = defineStage({ name: 'train', version: 1, inputs: {}, options: { path: file(), rounds: z.number().default(1) }, output: Model,
  tools: async () => ({ trainer: existsSync('tool.txt') ? readFileSync('tool.txt', 'utf8') : '1.0' }),
  async run({ options, out }) {
    appendFileSync(process.env.MODELFLOW_TEST_NOTES ?? '', 'train\\n');
    const text = readFileSync(options.path.path, 'utf8');
    writeFileSync(join(out, 'model.txt'), text.trim() + options.rounds);
    return { sizeBytes: text.length };
  } });
export const pack = defineStage({ name: 'pack', version: 1, inputs: { model: Model }, options: {}, output: Model,
  async run({ inputs, out }) {
    appendFileSync(process.env.MODELFLOW_TEST_NOTES ?? '', 'pack\\n');
    const text = readFileSync(join(inputs.model.path, 'model.txt'), 'utf8');
    writeFileSync(join(out, 'packed.txt'), text);
    return { sizeBytes: text.length };
  } });
export const place = defineTarget({ name: 'place', version: 1, settings: { port: z.number().default(1), env: z.record(z.string(), z.string()).default({}), token: secretText().optional() }, runs: [Model], check: async () => [],
  remove: async () => writeFileSync('live.json', '{}'),
  probe: async () => ({ ok: true as const }),
  read: async (ctx, service) => {
    const all = existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : {};
    return all[service] ?? { service, url: undefined, revisions: [], token: 'none', settings: {} };
  },
  apply: async (ctx, want) => {
    const all = existsSync('live.json') ? JSON.parse(readFileSync('live.json', 'utf8')) : {};
    const stamp = want.revisions[0]?.stamp;
    appendFileSync('applied.txt', want.service + ' ' + stamp + '\\n');
    const token = String(readFileSync('applied.txt', 'utf8').length);
    all[want.service] = { service: want.service, url: 'http://here', revisions: [{ id: '1', stamp, weight: 100, health: 'ready' }], token, settings: ctx.settings };
    writeFileSync('live.json', JSON.stringify(all));
    return all[want.service];
  } });
export const put = defineStage({ name: 'put', version: 1, inputs: { what: Model }, options: { service: z.string().default('svc'), target: z.custom<any>() }, output: defineArtifact('deployed', z.object({ url: z.string() })),
  deploys: ({ target, service }) => ({ target, service, slot: 'what' }), run: async ({ live }) => ({ url: live?.url ?? '' }) });
`;

/** The text of a configuration: `build` is the body of its function, `policies` an expression. */
export const configOf = (build: string, policies = '[]'): string => `
import { definePipeline, policy, refuse, secret, warn } from 'modelflow';
import { Model, pack, place, put, train } from './world';
export default definePipeline({ name: 'own', profiles: ['dev', 'production'], build: ({ profile }) => { ${build} }, policies: ${policies} });
`;

/** train ─▶ pack ─▶ put. */
export const chain = (more = '', settings = '{}', rounds = 1): string => `
  const model = train({ path: 'data.txt', rounds: ${rounds} });
  const packed = pack({ model });
  return { model, packed, service: put({ what: packed, target: place(${settings}), ${more} }) };`;

export function reviewRig(config: string, files: Readonly<Record<string, string>> = {}): Rig {
  return ownStages('return {}', { 'world.ts': world, 'data.txt': 'data', 'deploy.config.ts': config, ...files });
}

export const applied = (rig: Rig): readonly string[] => (rig.exists('applied.txt') ? rig.read('applied.txt').trim().split('\n') : []);

export const eventsOf = (stdout: string): readonly Readonly<Record<string, unknown>>[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

export interface PlanSeen {
  readonly steps: readonly {
    readonly node: string;
    readonly do: string;
    readonly live?: { readonly action: string; readonly drift: readonly unknown[] };
  }[];
  readonly approvals: readonly Readonly<Record<string, string>>[];
  readonly policies: readonly Readonly<Record<string, string>>[];
}

export async function planSeen(rig: Rig, ...args: string[]): Promise<PlanSeen> {
  const end = await rig.run('plan', '--json', ...args);
  if (end.code !== 0) throw new Error(end.stderr);
  return JSON.parse(end.stdout) as PlanSeen;
}
