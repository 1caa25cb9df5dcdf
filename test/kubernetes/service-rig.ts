import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type DesiredRevision, type Diagnostic, type LiveService, ModelflowError, type TargetContext, z } from '../../core/index.ts';
import { type KubernetesSettings, kubernetesSettings } from '../../stages/deploy/kubernetes/settings.ts';
import { kubernetes } from '../../stages/deploy/targets/kubernetes.ts';
import type { OciImage } from '../../stages/kinds.ts';
import type { TestCluster } from '../support/engines.ts';
import type { SettingsGiven } from './given.ts';
import type { Image } from './stand-in-image.ts';

const run = promisify(execFile);
export const small: SettingsGiven = {
  traffic: 'replicas',
  replicas: 1,
  resources: { requests: { cpu: '5m', memory: '32Mi' }, limits: { memory: '256Mi' } },
  drainSeconds: 2,
  terminationGraceSeconds: 10,
  probes: { periodSeconds: 1 },
};

/** A namespace of its own in the cluster of tests, and a service in it. */
export class ClusterRig {
  readonly namespace: string;
  readonly #cluster: TestCluster;
  readonly lines: string[] = [];
  service = 'digits';
  kubeconfig: string;

  private constructor(cluster: TestCluster, namespace: string) {
    this.#cluster = cluster;
    this.namespace = namespace;
    this.kubeconfig = cluster.kubeconfig;
  }

  static async open(cluster: TestCluster, name: string): Promise<ClusterRig> {
    const rig = new ClusterRig(cluster, `cluster-${name}-${process.pid}`);
    await rig.kubectl('create', 'namespace', rig.namespace);
    return rig;
  }

  /** What kubectl prints, asked by whoever administers the cluster. */
  async kubectl(...args: readonly string[]): Promise<string> {
    const { stdout } = await run(this.#cluster.kubectl, ['--kubeconfig', this.#cluster.kubeconfig, ...args], { maxBuffer: 1 << 24 });
    return stdout;
  }

  in(...args: readonly string[]): Promise<string> {
    return this.kubectl('-n', this.namespace, ...args);
  }

  settings(more: SettingsGiven = {}): KubernetesSettings {
    const { kubeconfig, namespace } = this;
    return z.strictObject(kubernetesSettings).parse({ ...small, kubeconfig, namespace, ...more });
  }

  context(more: SettingsGiven = {}, signal = new AbortController().signal): TargetContext<typeof kubernetesSettings> {
    const log = { info: (line: string) => this.lines.push(line), warn: (line: string) => this.lines.push(line), progress: () => {} };
    return { settings: this.settings(more), signal, log, stateFolder: '/nowhere' };
  }

  read(): Promise<LiveService> {
    return kubernetes.def.read(this.context(), this.service);
  }

  async apply(what: Image, stamp: string, more: SettingsGiven = {}): Promise<LiveService> {
    return this.bring([{ stamp, weight: 100, what }], more);
  }

  async bring(
    revisions: readonly DesiredRevision<typeof OciImage>[],
    more: SettingsGiven = {},
    signal?: AbortSignal,
  ): Promise<LiveService> {
    return kubernetes.def.apply(this.context(more, signal), { service: this.service, revisions }, await this.read());
  }

  remove(): Promise<void> {
    return kubernetes.def.remove(this.context(), this.service);
  }

  async close(): Promise<void> {
    await this.kubectl('delete', 'namespace', this.namespace, '--wait=false');
  }
}

/** The diagnostic that something fails with. */
export async function diagnosticOf(act: Promise<unknown>): Promise<Diagnostic> {
  try {
    await act;
  } catch (error) {
    const [first] = error instanceof ModelflowError ? error.diagnostics : [];
    if (first !== undefined) return first;
    throw error;
  }
  throw new Error('nothing failed');
}
