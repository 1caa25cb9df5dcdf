import { request } from 'node:http';
import type { Readable, Writable } from 'node:stream';

export interface AskOptions {
  readonly method: string;
  readonly path: string;
  readonly host: string;
  readonly port: number;
  readonly token: string | undefined;
  readonly input: Readable;
  readonly output: Writable;
}

/** Asks the router's own side and prints what it says: for images without a shell or curl. Resolves with the status. */
export async function askRouter({ method, path, host, port, token, input, output }: AskOptions): Promise<number> {
  const chunks: Buffer[] = [];
  if (method !== 'GET') for await (const chunk of input) chunks.push(Buffer.from(chunk as Buffer));
  const body = Buffer.concat(chunks);
  const headers = { 'content-length': body.length, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  return new Promise((resolve, reject) => {
    const asked = request({ method, path, host, port, headers, agent: false, timeout: 30_000 }, (answer) => {
      answer.on('error', reject);
      answer.on('end', () => resolve(answer.statusCode ?? 0));
      answer.pipe(output, { end: false });
    });
    asked.on('timeout', () => asked.destroy(new Error('the router did not answer within 30 s')));
    asked.on('error', reject);
    asked.end(body);
  });
}
