import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { objectsFor, replicasFor } from '../../stages/deploy/kubernetes/manifests.ts';
import { baseName, ownedBy, revisionName, routerName } from '../../stages/deploy/kubernetes/names.ts';
import { type ClusterObject, kindsMade, ofRevision, stampOf } from '../../stages/deploy/kubernetes/objects.ts';
import { clusterRulesFor, rulesFor } from '../../stages/deploy/kubernetes/rules.ts';
import { settingsProblems } from '../../stages/deploy/kubernetes/settings-problems.ts';
import { testCluster } from '../support/engines.ts';
import { candidate, everything, given, revision, type SettingsGiven, stable } from './given.ts';
import { type Judge, judgeOf } from './server.ts';

const usableName = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$/);
const label = /^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$/;

const scaled: SettingsGiven = { autoscale: { min: 2, max: 6, cpu: 80, queueDepth: 2.5 }, drainSeconds: 0 };
const bare: SettingsGiven = {
  networkPolicy: false,
  podDisruption: false,
  topologySpread: false,
  serviceAccount: 'there',
  traffic: 'replicas',
};
const rollout = [revision({ weight: 90 }), revision({ stamp: candidate, weight: 10, mirror: 5, secrets: { PASSWORD: 'x' } })];

describe('the objects of a service', () => {
  test('names are labels that a Service may have, and two services never share one', () => {
    fc.assert(
      fc.property(fc.uniqueArray(usableName, { minLength: 2, maxLength: 2 }), ([one, other]) => {
        if (one === undefined || other === undefined) return;
        for (const name of [baseName(one), routerName(one), revisionName(one, stable), `${baseName(one)}-model`])
          expect(name).toMatch(label);
        const names = (service: string) => [
          baseName(service),
          routerName(service),
          revisionName(service, stable),
          revisionName(service, candidate),
        ];
        expect(new Set([...names(one), ...names(other)]).size).toBe(8);
      }),
      { numRuns: 2_000 },
    );
    expect(baseName('digits')).toBe('digits');
    expect(baseName('Digits')).not.toBe('digits');
    expect(baseName('digits-router')).not.toBe(routerName('digits'));
    expect(baseName(`digits-${stable.slice(0, 8)}`)).not.toBe(revisionName('digits', stable));
  });

  test('what is referred to comes first, and every kind is one that is looked for when objects are removed', () => {
    const kinds = objectsFor(given(everything, { revisions: rollout })).map(({ kind }) => kind);
    expect(kinds.indexOf('Secret')).toBeLessThan(kinds.indexOf('Deployment'));
    expect(kinds.indexOf('Deployment')).toBeLessThan(kinds.indexOf('Service'));
    expect(kindsMade.map(({ kind }) => kind)).toEqual(expect.arrayContaining(kinds));
  });

  test('what belongs to a release says so, and is the same whatever else is released beside it', () => {
    const mine = (objects: readonly ClusterObject[]) => objects.filter((object) => ofRevision(object) === stable.slice(0, 16));
    const alone = mine(objectsFor(given()));
    expect(alone.map(({ kind }) => kind)).toEqual(['PodDisruptionBudget', 'Deployment', 'Service']);
    expect(mine(objectsFor(given({}, { revisions: rollout })))).toEqual(alone);
  });

  test('with replicas, users are answered by the release that has all of the traffic, or by all pods when several share it', () => {
    const front = (revisions: typeof rollout) =>
      objectsFor(given({ traffic: 'replicas' }, { revisions })).find(
        ({ kind, metadata }) => kind === 'Service' && metadata.name === 'digits',
      )?.['spec'];
    expect(front([revision(), revision({ stamp: candidate, weight: 0 })])).toMatchObject({
      selector: { 'modelflow.dev/stamp': 'a'.repeat(16) },
    });
    expect(front(rollout)).toMatchObject({ selector: { 'modelflow.dev/component': 'model', 'modelflow.dev/service': 'digits' } });
    expect(front(rollout)).not.toHaveProperty(['selector', 'modelflow.dev/stamp']);
  });

  test('every object says whose it is, with the name of the service and the stamp in full', () => {
    const service = 'Digits_2';
    for (const object of objectsFor(given(everything, { service, revisions: rollout }))) {
      for (const pair of ownedBy(service).split(',')) {
        const [key = '', value] = pair.split('=');
        expect(object.metadata.labels?.[key]).toBe(value);
      }
      expect(object.metadata.annotations?.['modelflow.dev/service-name']).toBe(service);
      expect([undefined, stable, candidate]).toContain(stampOf(object));
    }
  });

  test('settings that contradict each other are named', () => {
    const problems = (settings: SettingsGiven) => settingsProblems(given(settings).settings).map(({ message }) => message);
    expect([everything, scaled, bare].flatMap(problems)).toEqual([]);
    expect(problems({ ...scaled, traffic: 'replicas', drainSeconds: 60 })).toEqual([
      expect.stringContaining('`autoscale` would change it'),
      expect.stringContaining('drain for 60 s'),
    ]);
    expect(problems({ service: { nodePort: 30_080 }, resources: { requests: { memory: '2Gi' }, limits: { memory: '1500M' } } })).toEqual([
      expect.stringContaining('`service.nodePort` is 30080'),
      expect.stringContaining('`resources.requests.memory` is 2Gi, above its limit of 1500M'),
    ]);
  });

  test('the rights that are asked for are those on the kinds that are made', () => {
    for (const settings of [{}, everything, bare]) {
      const granted = rulesFor(given(settings).settings).flatMap(({ resources, verbs }) => (verbs.includes('patch') ? resources : []));
      const made = new Set(
        objectsFor(given(settings, { revisions: rollout })).map(({ kind }) => kindsMade.find((each) => each.kind === kind)?.plural),
      );
      expect(granted).toEqual(expect.arrayContaining([...made]));
      expect(granted.includes('networkpolicies')).toBe(settings !== bare);
    }
    expect(clusterRulesFor(given().settings)).toEqual([]);
    expect(clusterRulesFor(given({ createNamespace: true }).settings).flatMap(({ resources }) => resources)).toEqual(['namespaces']);
  });

  test('pods are shared out by weight: all of them, and at least one for each release with traffic', () => {
    const counts = (replicas: number, ...weights: readonly number[]) => [
      ...replicasFor(
        { traffic: 'replicas', replicas },
        weights.map((weight, index) => ({ stamp: String(index), weight })),
      ).values(),
    ];
    expect(counts(4, 75, 25)).toEqual([3, 1]);
    expect(counts(10, 95, 5)).toEqual([9, 1]);
    expect(counts(1, 95, 5)).toEqual([1, 1]);
    expect(counts(4, 100, 0)).toEqual([4, 4]);
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 50 }), fc.integer({ min: 1, max: 99 }), (replicas, weight) => {
        const [stays = 0, comes = 0] = counts(replicas, 100 - weight, weight);
        expect(stays + comes).toBe(replicas);
        expect(Math.abs(comes - (replicas * weight) / 100)).toBeLessThanOrEqual(1);
      }),
    );
    expect([...replicasFor({ traffic: 'router', replicas: 4 }, rollout).values()]).toEqual([4, 4]);
  });
});

const cluster = testCluster();
describe.skipIf(cluster === undefined)('the objects of a service, asked of a real API server', () => {
  let judge: Judge;
  beforeAll(async () => {
    if (cluster) judge = await judgeOf(cluster, `manifests-${process.pid}`);
  });
  afterAll(async () => judge.end());

  test.each([
    ['nothing set', {}],
    ['everything set', everything],
    ['an autoscaler', scaled],
    ['all that can be left out left out', bare],
  ] as const)('it accepts them with %s, and a restricted namespace admits the pods', async (_, settings) => {
    const objects = objectsFor(given(settings, { revisions: rollout }));
    await judge.accept(objects);
    await judge.admitPodsOf(objects);
  });

  test('it accepts every usable name of a service', { timeout: 60_000 }, async () => {
    for (const service of fc.sample(usableName, { numRuns: 12, seed: 5 }))
      await judge.accept(objectsFor(given({ traffic: service.length % 2 ? 'router' : 'replicas' }, { service })));
  });

  test('a pod that breaks the rules of a restricted namespace is refused, so that being admitted means something', async () => {
    const objects = objectsFor(given({}, { revisions: [revision({ facts: { port: 8080, user: '0:0' } })] }));
    await expect(judge.admitPodsOf(objects)).rejects.toThrow(/runAsUser=0|violates PodSecurity/);
  });
});
