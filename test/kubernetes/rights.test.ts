import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { adds, answerAt } from '../support/adder.ts';
import { testCluster } from '../support/engines.ts';
import { makeRig } from '../support/rig.ts';

const cluster = testCluster();
const namespace = `manifests-rights-${process.pid}`;
const admin = (...args: readonly string[]): string =>
  execFileSync('kubectl', ['--kubeconfig', cluster?.kubeconfig ?? '', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const config = `
import { definePipeline } from 'modelflow';
import { bundle, containerize, deploy, kubernetes, onnxModel } from 'modelflow/stages';
export default definePipeline({ name: 'adder', build: () => {
  const image = containerize({ model: bundle({ model: onnxModel({ path: './model.onnx' }), name: 'adder' }), name: 'adder' });
  const target = kubernetes({
    kubeconfig: './deployer.conf', namespace: '${namespace}', repository: '${cluster?.registry}/manifests', traffic: 'replicas', replicas: 1,
    resources: { requests: { cpu: '5m', memory: '64Mi' } }, drainSeconds: 1, podDisruption: false, service: { port: 8080 },
  });
  return { image, service: deploy({ what: image, service: 'Adder_1', target }) };
} });
`;

describe.skipIf(cluster === undefined)('the rights that are rendered, on the Kubernetes cluster', () => {
  beforeAll(() => {
    admin('create', 'namespace', namespace);
    admin('label', 'namespace', namespace, 'pod-security.kubernetes.io/enforce=restricted');
  });
  afterAll(() => void admin('delete', 'namespace', namespace, '--wait=false'));

  test('an account with just these deploys, updates and takes down; without one of them it is said which', {
    timeout: 240_000,
  }, async () => {
    const rig = makeRig({ 'model.onnx': adds(1), 'deploy.config.ts': config });
    const rights = await rig.run('render', '--format', 'rbac', '--out', 'k8s');
    expect(rights).toMatchObject({ code: 0, stderr: '' });
    admin('apply', '-f', rig.path(rights.stdout.trim()));
    const [account = ''] =
      /^adder-1-x[0-9a-f]{6}-deployer$/m.exec(
        admin('get', 'serviceaccounts', '-n', namespace, '-o', 'jsonpath={range .items[*]}{.metadata.name}{"\\n"}{end}'),
      ) ?? [];
    rig.write('deployer.conf', kubeconfigFor(admin('create', 'token', account, '-n', namespace).trim()));

    const first = await rig.run('run');
    expect(first, first.stderr).toMatchObject({ code: 0 });
    expect(await answerAt(urlIn(await rig.run('status', '--json')))).toBe(1);
    rig.write('model.onnx', adds(2));
    const second = await rig.run('run');
    expect(second, second.stderr).toMatchObject({ code: 0 });
    expect(await answerAt(urlIn(await rig.run('status', '--json')))).toBe(2);

    const role = JSON.parse(admin('get', 'role', account, '-n', namespace, '-o', 'json')) as { rules: { resources: string[] }[] };
    const at = role.rules.findIndex(({ resources }) => resources.includes('deployments'));
    admin('patch', 'role', account, '-n', namespace, '--type=json', '-p', JSON.stringify([{ op: 'remove', path: `/rules/${at}` }]));
    rig.write('model.onnx', adds(3));
    const refused = await rig.run('run');
    expect(refused.stderr).toMatch(/MF5268.*not allowed.*deployments/);
    expect(refused.code).not.toBe(0);
    admin('apply', '-f', rig.path(rights.stdout.trim()));
    expect(await answerAt(urlIn(await rig.run('status', '--json')))).toBe(2);

    const down = await rig.run('down');
    expect(down, down.stderr).toMatchObject({ code: 0 });
    const owned = `app.kubernetes.io/managed-by=modelflow,modelflow.dev/service`;
    expect(admin('get', 'deployments,services,networkpolicies', '-n', namespace, '-l', owned, '-o', 'name')).toBe('');
  });
});

/** The cluster of the tests, and nobody but the bearer of this token. */
function kubeconfigFor(token: string): string {
  const given = JSON.parse(admin('config', 'view', '--raw', '--minify', '-o', 'json')) as { clusters: { cluster: object }[] };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: given.clusters[0]?.cluster }],
    users: [{ name: 'u', user: { token } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

function urlIn({ stdout }: { readonly stdout: string }): string {
  return /"url": "(http[^"]+)"/.exec(stdout)?.[1] ?? '';
}
