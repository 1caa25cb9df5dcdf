import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineStage, failure, isMonitor, type Monitor, type MonitorVerdict, type Sample, z } from '../../core/index.ts';
import { Deployment, MonitorReport } from '../kinds.ts';
import { prometheusConfig, ruleFile } from './files.ts';
import { availability } from './monitors/availability.ts';
import { errorRate } from './monitors/error-rate.ts';
import { latency } from './monitors/latency.ts';
import { scrape } from './scrape.ts';

interface Judged {
  readonly monitor: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly verdict: MonitorVerdict['verdict'];
  readonly text: string;
}

/**
 * Watches a live service: writes the Prometheus configuration (`prometheus.yml`) and alert rules (`rules.yml`) that watch it for good,
 * and judges the same conditions now (`report.json`). A condition that does not hold is MF7001; a service that cannot be asked is MF7002.
 */
export const monitor = defineStage({
  name: 'monitor',
  version: 1,
  inputs: { service: Deployment },
  options: {
    monitors: z
      .array(z.custom<Monitor>(isMonitor, 'Expected a monitor, such as latency({ p99Ms: 50 })'))
      .min(1)
      .default(() => [availability(), errorRate(), latency()])
      .describe('what must hold; availability, error rate and latency unless given'),
    scrapeInterval: z
      .string()
      .regex(/^(?:[1-9]\d?s|1m)$/, 'Expected 1s to 99s, or 1m: the rules look at five minutes')
      .default('15s')
      .describe('how often Prometheus scrapes'),
  },
  output: MonitorReport,
  async run({ inputs, options, out, signal, log }) {
    const { service, url } = inputs.service.facts;
    const rules = options.monitors.map((each) => each.rule(service));
    const { stringify } = await import('yaml');
    await writeFile(join(out, 'prometheus.yml'), stringify(prometheusConfig(service, url, options.scrapeInterval)));
    await writeFile(join(out, 'rules.yml'), stringify(ruleFile(service, rules), { lineWidth: 0 }));
    const samples = await scrape(url, signal);
    const judged = judge(options.monitors, samples, service);
    for (const { verdict, monitor: name, text } of judged) log[verdict === 'breach' ? 'warn' : 'info'](`${name}: ${verdict}, ${text}`);
    const breaches = judged.filter(({ verdict }) => verdict === 'breach');
    if (breaches.length > 0)
      throw failure('MF7001', `${service} at ${url}: ${breaches.map(({ text }) => text).join('; ')}`, {
        hint: 'The service goes on as it is. `modelflow rollback` puts the release before it back.',
        detail: judged.map(({ monitor: name, verdict, text }) => `${name}: ${verdict}, ${text}`),
      });
    await writeFile(join(out, 'report.json'), `${JSON.stringify({ service, url, samples: samples.length, judged }, null, 2)}\n`);
    return { service, url, rules: rules.length, samples: samples.length, breaches: breaches.length };
  },
  async verify(_, { inputs, options, signal }) {
    const { service, url } = inputs.service.facts;
    try {
      const breaches = judge(options.monitors, await scrape(url, signal), service).filter(({ verdict }) => verdict === 'breach');
      return breaches.length === 0 ? { holds: true } : { holds: false, why: breaches.map(({ text }) => text).join('; ') };
    } catch (error) {
      signal.throwIfAborted();
      return { holds: false, why: error instanceof Error ? error.message : String(error) };
    }
  },
});

function judge(monitors: readonly Monitor[], samples: readonly Sample[], service: string): readonly Judged[] {
  return monitors.map((each) => ({ monitor: each.monitor, settings: each.settings, ...each.judge(samples, service) }));
}
