import { existsSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** The Docker engine that tests may use, brought up by `npm run test:infra`; undefined where there is none. Never one that a developer uses. */
export function testDocker(): string | undefined {
  const given = process.env['MODELFLOW_TEST_DOCKER'];
  if (given) return given;
  const socket = join(tmpdir(), 'modelflow-docker', 'docker.sock');
  return existsSync(socket) ? `unix://${socket}` : undefined;
}

export interface TestCluster {
  readonly kubeconfig: string;
  /** The registry that its nodes pull everything from, and this machine pushes to without TLS. */
  readonly registry: string;
  /** A kubectl of its version. */
  readonly kubectl: string;
}

/** The Kubernetes cluster that tests may use, brought up by `npm run test:infra`; undefined where there is none. */
export function testCluster(): TestCluster | undefined {
  const kubeconfig = process.env['MODELFLOW_TEST_KUBECONFIG'] ?? join(tmpdir(), 'modelflow-cluster', 'admin.conf');
  const registry = process.env['MODELFLOW_TEST_REGISTRY'] ?? '127.0.0.1:5000';
  const built = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'modelflow-cluster', 'bin', 'kubectl');
  return existsSync(kubeconfig) ? { kubeconfig, registry, kubectl: existsSync(built) ? built : 'kubectl' } : undefined;
}
