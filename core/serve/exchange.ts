import type { IncomingMessage } from 'node:http';
import { badRequest } from './request-error.ts';
import type { ServedModel } from './served-model.ts';

/** What is sent back. */
export interface Reply {
  readonly status: number;
  readonly body: string | Buffer;
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One request on its way through a handler. */
export interface Call {
  readonly model: ServedModel;
  readonly request: IncomingMessage;
  /** The whole body, decompressed. Throws a 413 or 415. */
  body(): Promise<Buffer>;
  /** Nobody waits for the answer any more: the client went away, or the deadline passed. */
  isAbandoned(): boolean;
}

export type Handler = (call: Call) => Reply | Promise<Reply>;

/** A reply of JSON text that is already written. */
export function jsonText(body: string, status = 200, headers?: Readonly<Record<string, string>>): Reply {
  const reply = { status, body, contentType: 'application/json' };
  return headers === undefined ? reply : { ...reply, headers };
}

/** A reply of a value as JSON. */
export function json(value: unknown, status = 200, headers?: Readonly<Record<string, string>>): Reply {
  return jsonText(JSON.stringify(value), status, headers);
}

/** The media type of the request without its parameters, in lower case; empty when there is none. */
export function mediaType(request: IncomingMessage): string {
  return (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** Clients that only set a body send it as a form (curl) or as plain text (browsers), and mean JSON. */
export function mayBeJson(type: string): boolean {
  const loose = ['', 'text/plain', 'application/x-www-form-urlencoded', 'text/json'];
  return type === 'application/json' || type.endsWith('+json') || loose.includes(type);
}

/** Whether numbers of the model's inputs can be larger than JSON's numbers keep exactly. */
export function needsExactIntegers(model: ServedModel): boolean {
  return model.signature.inputs.some(({ dtype }) => dtype === 'int64' || dtype === 'uint64');
}

/** Runs `read`; a `ValueError` in it becomes a 400 that names the input. */
export function naming<T>(input: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'ValueError') throw badRequest(`input ${JSON.stringify(input)}: ${cause.message}`);
    throw cause;
  }
}
