import { defineMonitor, type Monitor } from '../../../core/index.ts';
import { ofService, readyGauge } from '../metric-names.ts';
import { pick } from '../samples.ts';

/** The service can be scraped, and says that its model is ready. */
export function availability(): Monitor {
  return defineMonitor({
    monitor: 'availability',
    settings: {},
    rule(service) {
      const of = ofService(service);
      return {
        alert: 'ModelflowServiceDown',
        expr: `up{${of}} == 0 or absent(up{${of}}) or ${readyGauge}{${of}} == 0`,
        for: '1m',
        labels: { severity: 'critical', service },
        annotations: {
          summary: `${service} is down or not ready`,
          description: 'It could not be scraped, or says that its model is not ready, for a minute.',
        },
      };
    },
    judge(samples, service) {
      const gauges = pick(samples, readyGauge);
      if (gauges.length === 0) return { verdict: 'not-enough-data', text: `${service} does not say whether it is ready` };
      return gauges.some(({ value }) => value === 1)
        ? { verdict: 'pass', text: `${service} is ready` }
        : { verdict: 'breach', text: `${service} says that it is not ready` };
    },
  });
}
