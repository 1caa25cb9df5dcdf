import { defineMonitor, type Monitor, parseOptions, z } from '../../../core/index.ts';
import { askedOfModel, isAskedOfModel, isServerError, ofService, requestCount, serverErrors } from '../metric-names.ts';
import { pick, total } from '../samples.ts';

const settings = z.strictObject({
  atMost: z.number().min(0).max(1).default(0.01).describe('share of requests that the server answers with 5xx'),
  needs: z.int().min(1).default(100).describe('requests before a verdict'),
});

/** At most this share of the requests is answered with a server error. What a client did wrong (4xx) does not count. */
export function errorRate(given: z.input<typeof settings> = {}): Monitor {
  const { atMost, needs } = parseOptions('monitor errorRate', settings, given, errorRate);
  return defineMonitor({
    monitor: 'error-rate',
    settings: { atMost, needs },
    rule(service) {
      const requests = `${requestCount}{${ofService(service)},${askedOfModel}}`;
      const errors = `${requestCount}{${ofService(service)},${askedOfModel},${serverErrors}}`;
      return {
        alert: 'ModelflowErrorRate',
        expr: `sum(rate(${errors}[5m])) / sum(rate(${requests}[5m])) > ${atMost} and sum(increase(${requests}[5m])) >= ${needs}`,
        for: '2m',
        labels: { severity: 'critical', service },
        annotations: {
          summary: `${service} answers too often with an error`,
          description: `{{ $value | humanizePercentage }} of the requests of the last 5 minutes; ${percent(atMost)} is allowed.`,
        },
      };
    },
    judge(samples) {
      const requests = total(pick(samples, requestCount, isAskedOfModel));
      const errors = total(pick(samples, requestCount, (labels) => isAskedOfModel(labels) && isServerError(labels)));
      const text = `${errors} of ${requests} requests were answered with a server error`;
      // So many errors are too many even if every request up to the needed number went well.
      if (errors / Math.max(requests, needs) > atMost) return { verdict: 'breach', text: `${text}; at most ${percent(atMost)} may be` };
      if (requests < needs) return { verdict: 'not-enough-data', text: `${text}; a verdict needs ${needs - requests} more requests` };
      return { verdict: 'pass', text: `${text}; up to ${percent(atMost)} may be` };
    },
  });
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(6))} %`;
}
