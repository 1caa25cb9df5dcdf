import { writeFileSync } from 'node:fs';
import { appendFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { defineArtifact, defineStage, defineTarget, type LiveService, type StageContext, secret, secretText, z } from 'modelflow';
import { type Check, fixture, stageSuite, targetSuite } from 'modelflow/testing';
import { afterAll, describe, expect, it, test } from 'vitest';
import { bundle, dataset, local, onnxModel, quantize } from '../../stages/index.ts';
import { linear } from '../serve/example-models.ts';
import { onnxModel as encoded } from '../serve/onnx-model.ts';

const Text = defineArtifact('text', z.object({ length: z.number() }));
const folder = await mkdtemp(join(tmpdir(), 'modelflow-suites-'));
afterAll(() => rm(folder, { recursive: true }));

async function broken(checks: readonly Check[]): Promise<readonly string[]> {
  const names: string[] = [];
  for (const { name, run } of checks) await run().catch(() => names.push(name.replace(/^case: /, '')));
  return names;
}

describe('the suite of a stage', () => {
  let count = 0;
  type Run = (context: StageContext<{ text: typeof Text }, { token: ReturnType<typeof secretText> }>) => Promise<{ length: number }>;
  const suite = (run: Run, tools?: () => Promise<Record<string, string>>): readonly Check[] => {
    const stage = defineStage({
      name: 'tried',
      version: 1,
      inputs: { text: Text },
      options: { token: secretText() },
      output: Text,
      run,
      ...(tools ? { tools } : {}),
    });
    return stageSuite({ case: () => stage({ text: fixture(Text, { length: 3 }, { 'a/b.txt': 'abc' }), token: secret('TOKEN') }) });
  };

  it('is passed by a stage that does as it should', async () => {
    const good = suite(async ({ inputs, options, out }) => {
      await writeFile(join(out, 'out.txt'), `${inputs.text.path.length > 0} ${options.token.reveal().length}`);
      return { length: inputs.text.facts.length };
    });
    expect(good).toHaveLength(5);
    expect(await broken(good)).toEqual([]);
  });

  const plain = 'makes plain files, and facts that fit the kind';
  const same = 'makes the same bytes and facts from the same inputs';
  const inputs = 'leaves its inputs as they are';
  const tools = 'names the same tools each time';
  it.each<readonly [string, Run, readonly string[]]>([
    ['facts of another shape', async () => ({}) as never, [plain, same, inputs]],
    ['facts that JSON cannot hold', async () => ({ length: Number.NaN }), [plain, same, inputs]],
    ['a link', async ({ out }) => symlink('/etc/hostname', join(out, 'link')).then(() => ({ length: 1 })), [plain, same, inputs]],
    ['other facts each time', async () => ({ length: count++ }), [same]],
    ['other bytes each time', async ({ out }) => writeFile(join(out, 'a'), String(count++)).then(() => ({ length: 1 })), [same]],
    [
      'a new file in its input',
      async ({ inputs: { text } }) => writeFile(join(text.path, `${count++}`), '').then(() => ({ length: 1 })),
      [inputs],
    ],
  ])('is failed by a stage that makes %s', async (_, run, failed) => {
    expect(await broken(suite(run))).toEqual(failed);
  });

  it('is failed by a stage whose tools are not settled', async () => {
    expect(
      await broken(
        suite(
          async () => ({ length: 1 }),
          async () => ({ tool: String(count++) }),
        ),
      ),
    ).toEqual([tools]);
  });

  it('is failed by a stage that does not stop', async () => {
    const deafer = suite(({ signal, out }) => {
      writeFileSync(join(out, 'begun'), '');
      return new Promise(
        (resolve) => signal.addEventListener('abort', () => undefined) ?? setTimeout(() => resolve({ length: 1 }), 15_000).unref(),
      );
    });
    expect(await broken(deafer.filter(({ name }) => name.includes('told to stop')))).toEqual(['ends within 10 s when it is told to stop']);
  });
});

describe('built-in stages pass the suite that others are held to:', () => {
  const model = join(folder, 'linear.onnx');
  writeFileSync(model, encoded(linear()));
  const digits = (name: string): string => new URL(`../../examples/digits/${name}.npz`, import.meta.url).pathname;
  const cases = {
    dataset: () => dataset({ path: digits('calibration') }),
    'onnx model': () => onnxModel({ path: model }),
    bundle: () => bundle({ model: onnxModel({ path: model }), name: 'linear' }),
    quantize: () => quantize({ model: onnxModel({ path: model }), scheme: 'dynamic' }),
  };
  for (const { name, run } of stageSuite(cases)) test(name, run);
});

describe('the local target passes the suite that others are held to:', () => {
  const release = (bias: number) => {
    const path = join(folder, `release-${bias}.onnx`);
    const { initializers = [], ...graph } = linear();
    writeFileSync(
      path,
      encoded({
        ...graph,
        initializers: initializers.map((each) => (each.name === 'b' ? { ...each, data: Float32Array.of(bias, bias) } : each)),
      }),
    );
    return bundle({ model: onnxModel({ path }), name: 'linear' });
  };
  const suite = targetSuite({
    target: local({ port: 0 }),
    releases: [release(1), release(2)],
    service: 'linear',
    async ask({ url }) {
      const answer = await fetch(`${url}/predict`, { method: 'POST', body: '{"input": [[1, 2, 3]]}' });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      await answer.text();
    },
  });
  for (const { name, run } of suite) test(name, run);
});

describe('the suite of a target', () => {
  type Flaw = 'none' | 'moves' | 'blind' | 'forgets' | 'restarts' | 'mute';
  /** A service in a variable of the test, wrong in one way. */
  const targetWith = (flaw: Flaw) => {
    let live: { stamp: string; id: number } | undefined;
    const look = async (): Promise<LiveService> => ({
      service: 'svc',
      url: 'memory:',
      revisions: live ? [{ id: String(live.id), stamp: live.stamp, weight: 100, health: 'ready' }] : [],
      token: live ? `${live.id}` : 'none',
      settings: flaw === 'mute' ? {} : { size: 1 },
    });
    const target = defineTarget({
      name: 'memory',
      version: 1,
      settings: { size: z.number() },
      runs: [Text],
      check: async () => [],
      read: async () => {
        if (flaw === 'moves' && live) live.id++;
        return look();
      },
      async apply(_, want, have) {
        const now = await look();
        if (flaw !== 'blind' && have.token !== now.token) throw new Error('moved');
        const [wanted] = want.revisions;
        if (wanted && (flaw === 'restarts' || wanted.stamp !== live?.stamp)) live = { stamp: wanted.stamp, id: (live?.id ?? 0) + 1 };
        return look();
      },
      probe: async () => ({ ok: true }),
      remove: async () => {
        if (flaw === 'forgets' && !live) throw new Error('there is none');
        live = undefined;
      },
    });
    return target({ size: 1 });
  };
  const suite = (flaw: Flaw): readonly Check[] =>
    targetSuite({ target: targetWith(flaw), releases: [fixture(Text, { length: 1 }), fixture(Text, { length: 2 })], service: 'svc' });

  it('is passed by a target that does as it should', async () => {
    expect(await broken(suite('none'))).toEqual([]);
  });

  it.each<readonly [Flaw, string]>([
    ['moves', 'what is applied is live with all the traffic, and answers'],
    ['blind', 'a change that was planned against an older state is refused, and what is live stays'],
    ['restarts', 'applying the same again changes nothing'],
    ['forgets', 'what is removed is gone; removing it again is no failure, and it can be deployed again'],
    ['mute', 'the settings that are live are plain data that can be compared'],
  ])('is failed by one that %s', async (flaw, name) => {
    expect(await broken(suite(flaw))).toContain(name);
  });

  /** One that splits traffic, and may keep to it badly. */
  const splitting = (flaw: 'none' | 'drops' | 'lopsided') => {
    let live: LiveService = { service: 'svc', url: 'memory:', revisions: [], token: '0', settings: { size: 1 } };
    const target = defineTarget({
      name: 'memory',
      version: 1,
      settings: { size: z.number() },
      runs: [Text],
      check: async () => [],
      read: async () => live,
      split: () => ({ by: 'requests', mirrors: false }),
      async apply(_, want, have) {
        if (have.token !== live.token) throw new Error('moved');
        const kept = want.revisions.filter(({ weight }) => weight > 0 || flaw !== 'drops');
        const revisions = kept.map(({ stamp, weight }, at) => ({
          id: stamp,
          stamp,
          weight: flaw === 'lopsided' && kept.length > 1 ? (at === 0 ? 100 : 0) : weight,
          health: 'ready' as const,
        }));
        if (JSON.stringify(revisions) !== JSON.stringify(live.revisions)) live = { ...live, revisions, token: `${Number(live.token) + 1}` };
        return live;
      },
      probe: async () => ({ ok: true }),
      remove: async () => {
        live = { ...live, revisions: [], token: `${Number(live.token) + 1}` };
      },
    });
    return targetSuite({
      target: target({ size: 1 }),
      releases: [fixture(Text, { length: 1 }), fixture(Text, { length: 2 })],
      service: 'svc',
    });
  };

  it.each<readonly [Parameters<typeof splitting>[0], readonly string[]]>([
    ['none', []],
    ['drops', ['a release without traffic is kept ready, takes over, and the other one goes when it is wanted no more']],
    ['lopsided', ['two releases share the traffic as they are told, and applying it again changes nothing']],
  ])('looks at how the traffic is split: %s', async (flaw, names) => {
    expect(await broken(splitting(flaw))).toEqual(expect.arrayContaining([...names]));
    if (flaw === 'none') expect(await broken(splitting(flaw))).toEqual([]);
  });

  it('counts requests that are lost while a release is replaced', async () => {
    let asked = 0;
    const checks = targetSuite({
      target: targetWith('none'),
      releases: [fixture(Text, { length: 1 }), fixture(Text, { length: 2 })],
      service: 'svc',
      ask: async () => {
        await appendFile(join(folder, 'asked'), '.');
        if (asked++ === 0) throw new Error('refused');
      },
    });
    expect(await broken(checks)).toEqual(['no request is lost while a release is replaced']);
  });
});
