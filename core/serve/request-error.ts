/** The request cannot be answered; the message is what the client is told, and `status` says whose fault it is. */
export class RequestError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'RequestError';
    this.status = status;
    this.headers = headers;
  }
}

/** 400: the request is wrong, and sending it again will not help. */
export function badRequest(message: string): RequestError {
  return new RequestError(400, message);
}

/** 503: come back in a second. */
export function unavailable(message: string): RequestError {
  return new RequestError(503, message, { 'retry-after': '1' });
}
