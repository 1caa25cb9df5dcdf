import { latencyBoundsMs } from './counts.ts';
import { shortStamp } from './headers.ts';
import type { Router } from './router.ts';

/** What Prometheus reads. The only label is the release, of which few are remembered. */
export function metricsText(router: Router): string {
  const { counts, revisions, inFlight } = router;
  const of = (stamp: string): string => `{release="${shortStamp(stamp).replace(/[^\w.:-]/g, '_')}"}`;
  const candidates = counts.comparisons.map((each) => ({
    ...each,
    labels: `{release="${shortStamp(each.stable)}",candidate="${shortStamp(each.candidate)}"}`,
  }));
  const families = [
    family(
      'requests_total',
      'counter',
      'Requests that a release was given.',
      counts.revisions.map((each) => [of(each.stamp), each.requests]),
    ),
    family(
      'failures_total',
      'counter',
      'Of these: answered with 5xx, too late or not at all.',
      counts.revisions.map((each) => [of(each.stamp), each.failures]),
    ),
    family(
      'refusals_total',
      'counter',
      'Of these: answered with 4xx.',
      counts.revisions.map((each) => [of(each.stamp), each.refusals]),
    ),
    family(
      'weight',
      'gauge',
      'Share of the requests that a release gets.',
      revisions.map(({ stamp, weight }) => [of(stamp), weight]),
    ),
    family(
      'in_flight',
      'gauge',
      'Requests under way.',
      Object.entries(inFlight).map(([stamp, count]) => [of(stamp), count]),
    ),
    family(
      'copies_compared_total',
      'counter',
      'Copies whose answers were compared.',
      candidates.map((each) => [each.labels, each.compared]),
    ),
    family(
      'copies_disagreed_total',
      'counter',
      'Of these: with another prediction.',
      candidates.map((each) => [each.labels, each.disagreed]),
    ),
    family(
      'copies_failed_total',
      'counter',
      'Copies that were not answered well.',
      candidates.map((each) => [each.labels, each.failed]),
    ),
    family(
      'copies_shed_total',
      'counter',
      'Copies that were left out.',
      candidates.map((each) => [each.labels, each.shed]),
    ),
    family('unanswered_total', 'counter', 'Requests that nobody could answer.', [['', counts.unanswered]]),
    family('retries_total', 'counter', 'Further tries of requests.', [['', counts.retries]]),
    latencies(router),
  ];
  return families.join('');
}

function family(name: string, type: string, help: string, values: readonly (readonly [labels: string, value: number])[]): string {
  if (values.length === 0) return '';
  const full = `modelflow_router_${name}`;
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${values.map(([labels, value]) => `${full}${labels} ${value}\n`).join('')}`;
}

/** Every fourth bound is enough for a picture. A histogram of Prometheus has its sum; ours is taken from the buckets. */
function latencies({ counts }: Router): string {
  const name = 'modelflow_router_latency_milliseconds';
  if (counts.revisions.length === 0) return '';
  const series = counts.revisions.map(({ stamp, latencies }) => {
    const release = shortStamp(stamp).replace(/[^\w.:-]/g, '_');
    let [below, sum, text] = [0, 0, ''];
    latencies.forEach((count, at) => {
      const bound = latencyBoundsMs[at];
      below += count;
      sum += count * (bound ?? latencyBoundsMs.at(-1) ?? 0);
      if (bound !== undefined && at % 4 === 0)
        text += `${name}_bucket{release="${release}",le="${Number(bound.toPrecision(4))}"} ${below}\n`;
    });
    return `${text}${name}_bucket{release="${release}",le="+Inf"} ${below}\n${name}_sum{release="${release}"} ${Math.round(sum)}\n${name}_count{release="${release}"} ${below}\n`;
  });
  return `# HELP ${name} How long answers took, warm-up left out.\n# TYPE ${name} histogram\n${series.join('')}`;
}
