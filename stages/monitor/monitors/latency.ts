import { defineMonitor, type Monitor, parseOptions, z } from '../../../core/index.ts';
import { askedOfModel, durationHistogram, isAskedOfModel, ofService } from '../metric-names.ts';
import { pick, quantile, total } from '../samples.ts';

const settings = z.strictObject({
  p99Ms: z.number().positive().default(500).describe('milliseconds'),
  needs: z.int().min(1).default(100).describe('requests before a verdict'),
});

/** 99 of 100 requests are answered within this time, measured in the server. */
export function latency(given: z.input<typeof settings> = {}): Monitor {
  const { p99Ms, needs } = parseOptions('monitor latency', settings, given, latency);
  return defineMonitor({
    monitor: 'latency',
    settings: { p99Ms, needs },
    rule(service) {
      const series = (suffix: string) => `${durationHistogram}_${suffix}{${ofService(service)},${askedOfModel}}[5m]`;
      return {
        alert: 'ModelflowLatency',
        expr:
          `histogram_quantile(0.99, sum by (le) (rate(${series('bucket')}))) > ${p99Ms / 1000}` +
          ` and sum(increase(${series('count')})) >= ${needs}`,
        for: '5m',
        labels: { severity: 'warning', service },
        annotations: {
          summary: `${service} is slow`,
          description: `The 99th percentile of the last 5 minutes is {{ $value | humanizeDuration }}; ${p99Ms} ms is allowed.`,
        },
      };
    },
    judge(samples) {
      const requests = total(pick(samples, `${durationHistogram}_count`, isAskedOfModel));
      const p99 = quantile(0.99, pick(samples, `${durationHistogram}_bucket`, isAskedOfModel));
      if (p99 === undefined || requests < needs)
        return { verdict: 'not-enough-data', text: `${requests} requests were measured; a verdict needs ${needs - requests} more` };
      const text = `p99 is ${(p99 * 1000).toFixed(1)} ms over ${requests} requests`;
      return p99 * 1000 > p99Ms
        ? { verdict: 'breach', text: `${text}; at most ${p99Ms} ms is allowed` }
        : { verdict: 'pass', text: `${text}; up to ${p99Ms} ms is allowed` };
    },
  });
}
