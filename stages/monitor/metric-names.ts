/** Names that core/serve/metrics.ts gives; a test against the real server holds the two together. */
export const durationHistogram = 'modelflow_request_duration_seconds';
export const requestCount = 'modelflow_requests_total';
export const readyGauge = 'modelflow_model_ready';

/** PromQL for the series of one service: the server's have no name of it, the job that scrapes them has. */
export function ofService(service: string): string {
  return `job="${service}"`;
}

/** PromQL for what callers ask of the model; health checks, metadata and scrapes are of protocol `other`. */
export const askedOfModel = 'protocol!="other"';

/** PromQL for requests that the server answered with an error of its own. */
export const serverErrors = 'code=~"5.."';

/** The same as `askedOfModel`, for one sample. */
export function isAskedOfModel(labels: Readonly<Record<string, string>>): boolean {
  return labels['protocol'] !== 'other';
}

/** The same as `serverErrors`, for one sample. */
export function isServerError(labels: Readonly<Record<string, string>>): boolean {
  return /^5..$/.test(labels['code'] ?? '');
}
