import { isUtf8 } from 'node:buffer';
import { errorPosition } from './json-position.ts';
import { badRequest } from './request-error.ts';

export interface JsonOptions {
  /** Whole numbers beyond 2^53 come as BigInt, not rounded. */
  readonly exactIntegers: boolean;
  /** The tokens NaN, Infinity and -Infinity, which TensorFlow Serving takes and JSON has not; NaN comes as null. */
  readonly nonFinite: boolean;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a request body. Throws a 400 that says at which position it is wrong. */
export function parseJson(body: Buffer, options: JsonOptions): unknown {
  if (body.length === 0) throw badRequest('the body is empty; JSON is expected');
  if (!isUtf8(body)) throw badRequest('the body is not UTF-8');
  const text = body.toString('utf8');
  try {
    return parseText(text, options.exactIntegers);
  } catch (cause) {
    if (options.nonFinite && /NaN|Infinity/.test(text)) return parseNonFinite(text, options.exactIntegers);
    throw describe(cause, text);
  }
}

/** Whether the value is a JSON object, not null and not a list. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value as it is shown in an error: cut short. */
export function excerpt(value: unknown): string {
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

function parseText(text: string, exactIntegers: boolean): unknown {
  // A reviver makes parsing many times slower, so only a text that needs it gets one.
  return exactIntegers && /\d{16}/.test(text) ? JSON.parse(text, reviveInteger) : JSON.parse(text);
}

/** The text of a number is in the third argument (ECMAScript 2026, in Node since 21). */
function reviveInteger(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  return source !== undefined && /^-?\d{1,40}$/.test(source) ? BigInt(source) : value;
}

function parseNonFinite(text: string, exactIntegers: boolean): unknown {
  const plain = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => {
    if (token.startsWith('"')) return token;
    if (token === 'NaN') return 'null';
    return token.startsWith('-') ? '-1e999' : '1e999';
  });
  try {
    return parseText(plain, exactIntegers);
  } catch (cause) {
    throw describe(cause, text);
  }
}

function describe(cause: unknown, text: string): Error {
  // Too deep for the parser's stack: no tensor is.
  if (cause instanceof RangeError) return badRequest('the body is nested too deeply');
  const message = cause instanceof Error ? cause.message : String(cause);
  // The parser may quote the text, which may be long and somebody's data, and names the place only in some of its messages.
  const known = /^(.*?)(?: in JSON)? at position (\d+)/s.exec(message);
  if (known !== null) return badRequest(`the body is not JSON: ${known[1]} at position ${known[2]}`);
  if (message === 'Unexpected end of JSON input') return badRequest(`the body is not JSON: it ends too early, at position ${text.length}`);
  return badRequest(`the body is not JSON: unexpected text at position ${errorPosition(text)}`);
}
