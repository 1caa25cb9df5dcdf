import type { CodeEntry } from './code-entry.ts';

/** Of the Kubernetes target. */
export const kubernetesCodes = {
  MF5240: {
    title: 'Settings of the Kubernetes target do not go together',
    exit: 2,
    explain:
      'Each setting of `kubernetes({ … })` is right by itself, and two of them contradict each other, such as a drain that is longer than the time a pod has to end. Nothing was sent to the cluster.',
  },
  MF5265: {
    title: 'The cluster cannot be reached',
    exit: 8,
    explain:
      'The API server did not answer: nothing listens there, its name is not known, its certificate is not accepted, or it took too long. The message has the address and the reason. Nothing was changed by the call that failed.',
  },
  MF5266: {
    title: 'The kubeconfig does not name a cluster',
    exit: 2,
    explain: 'The file cannot be read, or has no such context. The message lists the contexts that it has.',
  },
  MF5267: {
    title: 'The cluster does not accept the credentials',
    exit: 8,
    explain: 'They have expired, or the program that the kubeconfig names to make them is missing or failed.',
  },
  MF5268: {
    title: 'Not allowed in the cluster',
    exit: 1,
    explain:
      'The user of the kubeconfig lacks rights that the target needs. `modelflow render --format rbac` prints the Role that grants them.',
  },
  MF5269: {
    title: 'A field belongs to somebody else',
    exit: 1,
    explain:
      'Server-side apply found that another field manager has set a field that modelflow sets to another value: somebody used kubectl, or a controller owns it. The message names the field and the manager. The setting `force: true` of the target takes such fields over.',
  },
  MF5270: {
    title: 'The API server refused an object',
    exit: 1,
    explain: 'An object is not valid for this cluster, or an admission policy refuses it. The message has the words of the server.',
  },
  MF5271: {
    title: 'The image cannot be pulled',
    exit: 1,
    explain:
      'A node could not pull the image: it is not in the registry, the registry asks for credentials (`pullSecrets`), or it cannot be reached from the node. The message has what the registry said.',
  },
  MF5272: {
    title: 'The container of the new release crashes',
    exit: 1,
    explain: 'It ended by itself, more than once. The exit code and its last lines are shown.',
  },
  MF5273: {
    title: 'The container of the new release needs more memory',
    exit: 1,
    explain: 'The kernel killed it because it used more memory than its limit. Raise `resources.limits.memory`.',
  },
  MF5274: {
    title: 'No node can take the pods of the new release',
    exit: 1,
    explain:
      'The scheduler finds no node with enough CPU, memory or accelerators, or none without a taint that is not tolerated. The message has its own words. A cluster that is adding a node for the pod is waited for.',
  },
  MF5275: {
    title: 'The new release does not get ready',
    exit: 1,
    explain:
      'Its container runs, but does not answer its probe as it should. The last answer to the probe and the last lines of its log are shown.',
  },
  MF5276: {
    title: 'The cluster does not let the pods be made',
    exit: 1,
    explain:
      'A quota is used up, Pod Security refuses the pod, or an admission webhook does. The message has the words of the API server. Pods of an earlier release that are just going are waited for before a quota counts as used up.',
  },
  MF5277: {
    title: 'Pods of the new release were evicted',
    exit: 1,
    explain: 'A node ran short of memory or disk and evicted them. The message has the words of the kubelet.',
  },
  MF5278: {
    title: 'The container cannot be made',
    exit: 1,
    explain:
      'It refers to a Secret or a ConfigMap that is not there, or the container runtime refuses it. The message names what is missing.',
  },
  MF5279: {
    title: 'A volume of the new release is stuck',
    exit: 1,
    explain: 'A volume cannot be attached or mounted. The message has the words of the kubelet.',
  },
  MF5280: {
    title: 'The new release was not ready in time',
    exit: 1,
    explain: 'No reason was found in what the cluster tells. What it tells is shown; `readyTimeoutMs` is how long is waited.',
  },
  MF5281: {
    title: 'The cluster was lost in the middle of a release',
    exit: 8,
    explain:
      'The API server stopped answering while a release was being rolled out. The pods go on serving without it. The message says in what state the service was left; the next run continues from there.',
  },
  MF5282: {
    title: 'The namespace is not there',
    exit: 2,
    explain: 'The target deploys into a namespace that does not exist. Make it, or give the target `createNamespace: true`.',
  },
  MF5283: {
    title: 'Requests were still open when a release had to go',
    exit: 1,
    explain:
      'A release that was replaced still had requests when the time for that was over; its pods finish them as they end. This is a warning.',
  },
  MF5284: {
    title: 'The router cannot be told',
    exit: 1,
    explain: 'A pod of the router did not take the new shares of the traffic. What was live goes on serving; the next run tells it again.',
  },
  MF5285: {
    title: 'The name is taken in the cluster',
    exit: 1,
    explain:
      'An object of the name that the service needs is there and was not made by modelflow. It is not touched. Name the service otherwise, or remove it.',
  },
  MF5286: {
    title: 'The cluster is too old',
    exit: 1,
    explain:
      'modelflow needs Kubernetes 1.30 or newer: pods sleep a while before they end, so that no request is sent to one that is gone.',
  },
  MF5287: {
    title: 'The image is in no registry that the cluster can pull from',
    exit: 1,
    explain: 'The image was made but not pushed. Push it with `containerize({ push: … })`, or give the target `repository`.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
