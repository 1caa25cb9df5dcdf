/** Names that core/serve/metrics.ts gives; a test against the real server holds the two together. */
export const durationHistogram = 'modelflow_request_duration_seconds';
export const requestCount = 'modelflow_requests_total';
export const readyGauge = 'modelflow_model_ready';

/** PromQL for the requests that the server answered with an error of its own. */
export const serverErrors = 'code=~"5.."';

/** The same for one sample. */
export function isServerError(labels: Readonly<Record<string, string>>): boolean {
  return /^5..$/.test(labels['code'] ?? '');
}
