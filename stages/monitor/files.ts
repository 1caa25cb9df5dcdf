import type { AlertRule } from '../../core/index.ts';

/** What `prometheus.yml` says: scrape this one service, and evaluate the rules beside it. */
export function prometheusConfig(service: string, url: string, scrapeInterval: string): unknown {
  const { host, protocol } = new URL(url);
  return {
    global: { scrape_interval: scrapeInterval, evaluation_interval: scrapeInterval },
    rule_files: ['rules.yml'],
    scrape_configs: [
      { job_name: service, scheme: protocol.replace(':', ''), metrics_path: '/metrics', static_configs: [{ targets: [host] }] },
    ],
  };
}

/** What `rules.yml` says. */
export function ruleFile(service: string, rules: readonly AlertRule[]): unknown {
  return { groups: [{ name: `modelflow-${service}`, rules }] };
}
