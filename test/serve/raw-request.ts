import { connect } from 'node:net';

/** Sends bytes as they are and gives back everything that comes until the other side closes. Rejects when the connection is reset. */
export async function rawRequest(port: number, bytes: string | Uint8Array): Promise<string> {
  const { send, whole } = await openConnection(port);
  send(bytes);
  return whole;
}

export interface RawConnection {
  readonly send: (bytes: string | Uint8Array) => void;
  /** Resolves when what has come contains the text so many times. */
  readonly until: (text: string, times: number) => Promise<void>;
  /** Everything that comes until the other side closes. Rejects when the connection is reset. */
  readonly whole: Promise<string>;
}

/** A connection that is there before anything is sent on it. */
export function openConnection(port: number): Promise<RawConnection> {
  const socket = connect({ port, host: '127.0.0.1' });
  const chunks: Buffer[] = [];
  const soFar = (): string => Buffer.concat(chunks).toString('latin1');
  const whole = new Promise<string>((resolve, reject) => {
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('end', () => resolve(soFar()));
    socket.on('error', reject);
  });
  const until = (text: string, times: number): Promise<void> =>
    new Promise((resolve) => {
      const look = (): void => {
        if (soFar().split(text).length > times) resolve();
      };
      socket.on('data', look);
      look();
    });
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('connect', () => resolve({ send: (bytes) => void socket.write(bytes), until, whole }));
  });
}
