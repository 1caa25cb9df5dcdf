/** One sample of a Prometheus text page. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** An alert as Prometheus understands it; `for` like `5m`. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export type MonitorVerdict =
  | { readonly verdict: 'pass'; readonly text: string }
  | { readonly verdict: 'breach'; readonly text: string }
  | { readonly verdict: 'not-enough-data'; readonly text: string };

/** A condition on a live service: the rule Prometheus evaluates for good, and the same judged at once from one scrape. */
export interface Monitor {
  readonly monitor: string;
  readonly settings: Readonly<Record<string, unknown>>;
  rule(service: string): AlertRule;
  judge(samples: readonly Sample[], service: string): MonitorVerdict;
}

/** Make a monitor of one's own. A value, no registration: the configuration passes it to the `monitor` stage. */
export function defineMonitor(monitor: Monitor): Monitor {
  return monitor;
}

export function isMonitor(value: unknown): value is Monitor {
  return typeof value === 'object' && value !== null && 'monitor' in value && 'judge' in value && 'rule' in value;
}
