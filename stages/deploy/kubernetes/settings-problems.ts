import type { Diagnostic } from '../../../core/index.ts';
import type { KubernetesSettings } from './settings.ts';

/** Settings that are each right and do not go together, known without a cluster. */
export function settingsProblems(settings: KubernetesSettings): readonly Diagnostic[] {
  const { traffic, autoscale, drainSeconds, terminationGraceSeconds, service, topologySpread, nodeSelector, resources, gpu } = settings;
  const problem = (message: string, hint: string): Diagnostic => ({
    code: 'MF5240',
    severity: 'error',
    message: `kubernetes: ${message}`,
    hint,
  });
  const aboveLimit = Object.entries(resources.requests).filter(([name, asked]) => amount(asked) > amount(resources.limits[name] ?? asked));
  return [
    ...(traffic === 'replicas' && autoscale !== undefined
      ? [
          problem(
            'with `traffic: "replicas"` the count of pods is the share of a release, and `autoscale` would change it',
            'Leave out one of the two.',
          ),
        ]
      : []),
    ...(terminationGraceSeconds <= drainSeconds
      ? [
          problem(
            `pods have ${terminationGraceSeconds} s to end, and drain for ${drainSeconds} s of them: what they are at would be cut off`,
            'Set `terminationGraceSeconds` higher than `drainSeconds`, by as long as a request may take.',
          ),
        ]
      : []),
    ...(service.nodePort !== undefined && service.type === 'ClusterIP'
      ? [
          problem(
            `a Service of type ClusterIP has no node port, and \`service.nodePort\` is ${service.nodePort}`,
            'Set `service.type` to NodePort.',
          ),
        ]
      : []),
    ...(topologySpread !== false && topologySpread.must && topologySpread.keys.some((each) => each in nodeSelector)
      ? [problem('`topologySpread.must` spreads over a key that `nodeSelector` holds to one value', 'Leave the key out of one of the two.')]
      : []),
    ...aboveLimit.map(([name, asked]) =>
      problem(
        `\`resources.requests.${name}\` is ${asked}, above its limit of ${resources.limits[name]}`,
        'Raise the limit, or ask for less.',
      ),
    ),
    ...(gpu !== undefined && (gpu.resource in resources.requests || gpu.resource in resources.limits)
      ? [problem(`\`${gpu.resource}\` is given by \`gpu\` and by \`resources\``, 'Leave out one of the two.')]
      : []),
  ];
}

/** A quantity as a number, whatever its unit. */
function amount(quantity: string): number {
  const [, number = '0', unit = ''] = /^([\d.]+)(\D*)$/.exec(quantity) ?? [];
  const decimal = ['m', '', 'k', 'M', 'G', 'T', 'P'].indexOf(unit);
  return Number(number) * (decimal >= 0 ? 1_000 ** (decimal - 1) : 1_024 ** ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'].indexOf(unit));
}
