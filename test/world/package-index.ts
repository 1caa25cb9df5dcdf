import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';
import type { Wheel } from './kit.ts';

export interface PackageIndex {
  readonly url: string;
  /** Resolves when somebody asks for the wheel. */
  readonly asked: Promise<void>;
  /** Resolves when one who had asked is gone without an answer. */
  readonly gone: Promise<void>;
  /** Until then nobody gets the wheel. */
  release(): void;
}

/** A package index on the loopback with one wheel. */
export async function packageIndex(name: string, wheel: Wheel): Promise<PackageIndex> {
  const [asked, gone, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const server = createServer(async (request, response) => {
    if (request.url === `/simple/${name}/`) {
      response.setHeader('content-type', 'text/html').end(`<a href="/files/${wheel.file}">${wheel.file}</a>`);
    } else if (request.url === `/files/${wheel.file}`) {
      response.once('close', () => {
        if (!response.writableFinished) gone.resolve();
      });
      asked.resolve();
      await released.promise;
      response.end(wheel.bytes);
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // What a server listens on is an address with a port, never a pipe.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/simple`,

    asked: asked.promise,
    gone: gone.promise,
    release: released.resolve,
  };
}
