import { failure, type ModelflowError } from '../../../core/index.ts';

/** An answer of the API server that is not 2xx, in its own words. */
export class ApiRefusal extends Error {
  readonly status: number;
  readonly reason: string;
  readonly causes: readonly ApiCause[];

  constructor(status: number, reason: string, message: string, causes: readonly ApiCause[]) {
    super(message);
    this.name = 'ApiRefusal';
    this.status = status;
    this.reason = reason;
    this.causes = causes;
  }
}

export interface ApiCause {
  readonly reason?: string;
  readonly message?: string;
  readonly field?: string;
}

/** What the body of a refusal says; a proxy on the way may have answered with anything. */
export function refusalOf(status: number, text: string): ApiRefusal {
  try {
    const body = JSON.parse(text) as {
      readonly reason?: string;
      readonly message?: string;
      readonly details?: { readonly causes?: readonly ApiCause[] };
    };
    return new ApiRefusal(status, body.reason ?? '', body.message ?? text.slice(0, 500), body.details?.causes ?? []);
  } catch {
    return new ApiRefusal(status, '', text.trim().slice(0, 500) || `status ${status}`, []);
  }
}

export function hasStatus(error: unknown, status: number): error is ApiRefusal {
  return error instanceof ApiRefusal && error.status === status;
}

const passingStatuses = [429, 500, 502, 503, 504];
const passingCodes = ['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN', 'ECONNABORTED'];

/** May the same call succeed a moment later? */
export function isPassing(error: unknown): boolean {
  return error instanceof ApiRefusal ? passingStatuses.includes(error.status) : passingCodes.includes(codeOf(error));
}

/** The failure of an error that no caller expected, with the reason and what to do about it. */
export function asFailure(error: unknown, doing: string, server: string): unknown {
  if (!(error instanceof ApiRefusal)) return codeOf(error) === '' ? error : notReached(server, error, 0);
  const { status, message } = error;
  if (status === 401)
    return failure('MF5267', `${server} does not accept the credentials: ${message}`, {
      hint: 'They may have expired: log in again, then try `kubectl auth whoami`.',
    });
  // Who may not look at namespaces learns of it here.
  if (status === 403 && message.includes('it is being terminated'))
    return failure('MF5282', `${doing}: ${message}`, { hint: 'Wait until the namespace is gone, and have it made again.' });
  if (status === 403)
    return failure('MF5268', `${doing}: not allowed: ${message}`, {
      hint: 'Give the user the Role that `modelflow render --format rbac` prints.',
    });
  if (status >= 500 || status === 429)
    return failure('MF5265', `${doing}: ${server} answered ${status}: ${message}`, { hint: 'Run again when it is well.' });
  return failure('MF5270', `${doing}: the API server refused it: ${message}`, {
    hint: 'Change the settings of the target as the message says.',
    detail: error.causes.flatMap(({ field, message: why }) => (why === undefined ? [] : [`${field ?? ''}: ${why}`])),
  });
}

/** Why nothing came back, and from where. */
export function notReached(server: string, cause: unknown, patienceMs: number): ModelflowError {
  const long = patienceMs >= 1_000 ? ` (asked again for ${Math.round(patienceMs / 1_000)} s)` : '';
  return failure('MF5265', `the cluster at ${server} cannot be reached: ${reasonOf(cause)}${long}`, {
    hint: hintOf(codeOf(cause)),
    cause,
  });
}

/** The program of the kubeconfig that makes credentials did not. */
export function brokenCredentials(user: string, cause: unknown): ModelflowError {
  const isMissing = codeOf(cause) === 'ENOENT';
  const program = (cause as { readonly path?: string } | undefined)?.path ?? '';
  const said = cause instanceof Error ? cause.message.trim() : String(cause);
  const why = isMissing ? `its program \`${program}\` is not installed` : said || 'its program failed and said nothing';
  return failure('MF5267', `no credentials for the user \`${user}\` of the kubeconfig: ${why}`, {
    hint: isMissing ? `Install \`${program}\`, or use another user in the kubeconfig.` : 'Log in again, then try `kubectl auth whoami`.',
    cause,
  });
}

function reasonOf(cause: unknown): string {
  const code = codeOf(cause);
  const said = cause instanceof Error && cause.message !== '' ? cause.message : code || String(cause);
  if (code === 'ECONNREFUSED') return 'it refused the connection; nothing listens there';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `its name is not known to DNS (${code})`;
  if (isOfTls(code)) return `TLS: ${said} (${code})`;
  return said;
}

function hintOf(code: string): string {
  if (isOfTls(code)) return 'Compare `certificate-authority-data` of the kubeconfig with the certificate of the server.';
  return 'Is the cluster up, and is the right context chosen? Try `kubectl cluster-info` with the same kubeconfig.';
}

function isOfTls(code: string): boolean {
  return /CERT|TLS|SSL|SIGNATURE|EPROTO/.test(code);
}

export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const { code } = error as { readonly code?: unknown };
  if (typeof code === 'string') return code;
  // A connection that was tried at several addresses fails with all of their errors.
  return error instanceof AggregateError ? codeOf(error.errors[0]) : '';
}
