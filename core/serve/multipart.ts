import type { IncomingHttpHeaders } from 'node:http';
import busboy from 'busboy';
import { badRequest } from './request-error.ts';

/** The most files of one request. */
const maxFiles = 64;

/** The files of a multipart form, in order; other fields are left aside. Throws a 400 when the form is damaged or has no file. */
export async function readFiles(headers: IncomingHttpHeaders, body: Buffer): Promise<readonly Buffer[]> {
  const files: Promise<Buffer>[] = [];
  await new Promise<void>((resolve, reject) => {
    const fail = (cause: unknown): void =>
      reject(badRequest(`the multipart form is damaged: ${cause instanceof Error ? cause.message : String(cause)}`));
    try {
      const parser = busboy({ headers, limits: { files: maxFiles, fields: 100, parts: 200 } });
      parser.on('file', (_name, stream) => {
        const file = collect(stream);
        // The parser reports what ends a file early.
        file.catch(() => {});
        files.push(file);
      });
      parser.on('filesLimit', () => reject(badRequest(`the form has more than ${maxFiles} files`)));
      parser.on('error', fail);
      parser.on('close', resolve);
      parser.end(body);
    } catch (cause) {
      fail(cause);
    }
  });
  if (files.length === 0) throw badRequest('the form has no file; send the image as a file field');
  return Promise.all(files);
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
