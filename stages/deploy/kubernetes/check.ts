import { type Diagnostic, failure, ModelflowError } from '../../../core/index.ts';
import { readObject } from './api.ts';
import type { Cluster } from './client.ts';
import { type Context, clusterOf } from './context.ts';
import { baseName } from './names.ts';
import { goingNamespace, lookFor, noNamespace } from './namespace.ts';
import { asFailure } from './refusals.ts';
import { type AccessRule, rulesFor } from './rules.ts';
import { settingsProblems } from './settings-problems.ts';

/** The first in which a pod can sleep before it ends by default: without that a pod that goes loses requests. */
const oldestMinor = 30;

/** Before anything is spent: is the cluster there, new enough, with the namespace, and may we do what it takes? Changes nothing. */
export async function checkService(ctx: Context, service: string): Promise<readonly Diagnostic[]> {
  const problems = settingsProblems(ctx.settings);
  if (problems.some(({ severity }) => severity === 'error')) return problems;
  try {
    const cluster = await clusterOf(ctx, 'reading');
    await checkVersion(cluster);
    const { isThere, isGoing } = await lookFor(cluster);
    if (isGoing) throw goingNamespace(cluster.namespace);
    if (!isThere) {
      if (!ctx.settings.createNamespace) throw noNamespace(cluster);
      return problems;
    }
    await checkRights(cluster, rulesFor(ctx.settings));
    await checkName(cluster, service);
    return problems;
  } catch (error) {
    if (error instanceof ModelflowError) return [...problems, ...error.diagnostics];
    throw error;
  }
}

async function checkVersion(cluster: Cluster): Promise<void> {
  let version: { readonly major?: string; readonly minor?: string; readonly gitVersion?: string };
  try {
    version = (await cluster.ask({ path: '/version' })) as typeof version;
  } catch (error) {
    throw asFailure(error, 'asking for its version', cluster.server);
  }
  // Providers write minor versions such as `29+`.
  const minor = Number.parseInt(version.minor ?? '', 10);
  if (version.major === '1' && minor < oldestMinor)
    throw failure('MF5286', `the cluster at ${cluster.server} has Kubernetes ${version.gitVersion ?? `1.${minor}`}`, {
      hint: `Use a cluster of 1.${oldestMinor} or newer.`,
    });
}

/** One question for each verb on each resource: all at once, so the whole takes as long as one. */
async function checkRights(cluster: Cluster, rules: readonly AccessRule[]): Promise<void> {
  const asked = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb })))),
  );
  const answers = await Promise.all(asked.map((each) => mayWe(cluster, each)));
  const missing = asked.filter((_, index) => answers[index] === false);
  if (missing.length === 0) return;
  const byResource = Map.groupBy(missing, ({ group, resource }) => JSON.stringify({ group, resource }));
  const lacking = [...byResource.values()].map((all) => {
    const [{ group, resource }] = all as [(typeof missing)[number]];
    return { group, resource, verbs: all.map(({ verb }) => verb) };
  });
  const words = lacking.map(({ resource, verbs }) => `${verbs.join('/')} ${resource}`).join(', ');
  throw failure('MF5268', `not allowed in the namespace ${cluster.namespace}: ${words}`, {
    hint: 'Have these rules put into a Role for the user of the kubeconfig; `modelflow render --format rbac` prints the whole.',
    detail: lacking.map(({ group, resource, verbs }) => JSON.stringify({ apiGroups: [group], resources: [resource], verbs })),
  });
}

async function mayWe(
  cluster: Cluster,
  { group, resource, verb }: { readonly group: string; readonly resource: string; readonly verb: string },
): Promise<boolean> {
  const [name, subresource] = resource.split('/');
  const resourceAttributes = {
    namespace: cluster.namespace,
    group,
    resource: name,
    ...(subresource === undefined ? {} : { subresource }),
    verb,
  };
  const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } };
  try {
    const answer = await cluster.ask({ method: 'POST', path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', body });
    return (answer as { readonly status?: { readonly allowed?: boolean } }).status?.allowed ?? false;
  } catch (error) {
    throw asFailure(error, 'asking what is allowed', cluster.server);
  }
}

/** Server-side apply would write into an object of that name that somebody else made. */
async function checkName(cluster: Cluster, service: string): Promise<void> {
  const object = await readObject(cluster, 'Service', baseName(service));
  if (object === undefined || object.metadata.labels?.['app.kubernetes.io/managed-by'] === 'modelflow') return;
  const owner = object.metadata.labels?.['app.kubernetes.io/managed-by'] ?? object.metadata.managedFields?.[0]?.manager ?? 'somebody else';
  throw failure('MF5285', `a Service \`${baseName(service)}\` is in ${cluster.namespace} already, made by ${owner}`, {
    hint: 'Name the service otherwise, or remove that one.',
  });
}
