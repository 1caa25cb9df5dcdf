import type { IncomingMessage } from 'node:http';

/** About one connection, not about the message (RFC 9110, 7.6.1). `expect` is answered here. */
const ofConnection = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Which revision answered, shortened; and which one has to, whatever the weights. */
export const releaseHeader = 'x-modelflow-release';
export const pinHeader = 'x-modelflow-to';

/** So much of a stamp tells it from others. */
export function shortStamp(stamp: string): string {
  return stamp.slice(0, 12);
}

/** What goes on to a backend, names and values in turn. */
export function forwardedRequest(request: IncomingMessage): string[] {
  const kept = withoutConnection(request.rawHeaders, request.headers.connection, (name) => name === 'expect' || name === 'x-forwarded-for');
  const { headers, socket } = request;
  const before = headers['x-forwarded-for'];
  const address = socket.remoteAddress?.replace(/^::ffff:/, '');
  const chain = [...(before === undefined ? [] : [String(before)]), ...(address === undefined ? [] : [address])].join(', ');
  if (chain !== '') kept.push('x-forwarded-for', chain);
  if (headers['x-forwarded-proto'] === undefined) kept.push('x-forwarded-proto', 'http');
  if (headers['x-forwarded-host'] === undefined && headers.host !== undefined) kept.push('x-forwarded-host', headers.host);
  // A length that is not told beforehand; between other connections the chunks are others.
  if (headers['transfer-encoding'] !== undefined) kept.push('transfer-encoding', 'chunked');
  return kept;
}

/** What goes back to the client, names and values in turn. */
export function forwardedAnswer(answer: IncomingMessage, stamp: string): string[] {
  const kept = withoutConnection(answer.rawHeaders, answer.headers.connection, (name) => name === releaseHeader);
  kept.push(releaseHeader, shortStamp(stamp));
  return kept;
}

function withoutConnection(raw: readonly string[], connection: string | undefined, isDropped: (name: string) => boolean): string[] {
  const named = connection === undefined ? [] : connection.split(',').map((name) => name.trim().toLowerCase());
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const [name = '', value = ''] = [raw[at], raw[at + 1]];
    const lower = name.toLowerCase();
    if (!ofConnection.has(lower) && !isDropped(lower) && !named.includes(lower)) kept.push(name, value);
  }
  return kept;
}
