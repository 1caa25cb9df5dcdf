import { connect } from 'node:net';

/** Sends bytes as they are and gives back everything that comes until the other side closes. Rejects when the connection is reset. */
export async function rawRequest(port: number, bytes: string | Uint8Array): Promise<string> {
  const { exchange } = await openConnection(port);
  return exchange(bytes);
}

/** A connection that is there before anything is sent on it. */
export function openConnection(port: number): Promise<{ readonly exchange: (bytes: string | Uint8Array) => Promise<string> }> {
  const socket = connect({ port, host: '127.0.0.1' });
  const exchange = (bytes: string | Uint8Array): Promise<string> =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      socket.on('end', () => {
        socket.destroy();
        resolve(Buffer.concat(chunks).toString('latin1'));
      });
      socket.on('error', reject);
      socket.write(bytes);
    });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve({ exchange });
    });
  });
}
