import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { RemotePart, RemoteStore } from '../../core/index.ts';
import { openOci } from '../../core/store/remote/oci-client.ts';
import { openS3 } from '../../core/store/remote/s3-client.ts';
import { type ServerKind, startServer } from './servers.ts';

const { signal } = new AbortController();
const part = (name: string, bytes: Uint8Array): RemotePart => ({
  name,
  sizeBytes: bytes.length,
  sha256: createHash('sha256').update(bytes).digest('hex'),
  async *open() {
    yield bytes;
  },
});
const text = (value: string): readonly RemotePart[] => [part('text', Buffer.from(value))];
const read = async (store: RemoteStore, key: string): Promise<string | undefined> => {
  const found = await store.get(key, signal);
  if (!found) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of found.bytes) pieces.push(piece);
  return Buffer.concat(pieces).toString('latin1');
};

describe.each(['s3', 'oci'] as const)('%s keeps bytes under keys', (kind: ServerKind) => {
  let open: () => Promise<RemoteStore>;
  beforeEach(async () => {
    const server = await startServer(kind);
    for (const [name, value] of Object.entries(server.env)) vi.stubEnv(name, value);
    open = () =>
      kind === 's3'
        ? openS3({ bucket: 'models', prefix: 'team/a', endpoint: `http://127.0.0.1:${server.port}` })
        : openOci({ repository: `127.0.0.1:${server.port}/team/models`, insecure: true });
  });
  afterEach(() => vi.unstubAllEnvs());

  it('and gives back what was put, of several parts, as one', async () => {
    const store = await open();
    const large = Buffer.alloc(40 << 20, 'large part ');
    await store.put(
      'artifacts/a',
      [part('head', Buffer.from('head\n')), part('empty', Buffer.alloc(0)), part('model.onnx', large)],
      signal,
    );
    const found = await read(store, 'artifacts/a');
    expect(found?.length).toBe(large.length + 5);
    expect(found?.startsWith('head\nlarge part')).toBe(true);
    expect(await store.has('artifacts/a', signal)).toBe(true);
    await store.put('artifacts/a', text('smaller'), signal);
    expect(await read(store, 'artifacts/a')).toBe('smaller');
  });

  it('and knows what is not there', async () => {
    const store = await open();
    expect(await store.list('', signal)).toEqual([]);
    expect(await read(store, 'results/none')).toBeUndefined();
    expect(await store.has('results/none', signal)).toBe(false);
    await store.remove('results/none', signal);
  });

  it('and lists what begins with a prefix, until it is removed', async () => {
    const store = await open();
    for (const key of ['runs/a_b/2', 'runs/a_b/1', 'runs/a_bc/1', 'leases/x/00000001']) await store.put(key, text(key), signal);
    expect(await store.list('runs/a_b/', signal)).toEqual(['runs/a_b/1', 'runs/a_b/2']);
    await store.remove('runs/a_b/1', signal);
    expect(await store.list('runs/a_b/', signal)).toEqual(['runs/a_b/2']);
    expect(await read(store, 'runs/a_b/1')).toBeUndefined();
    expect(await store.list('', signal)).toHaveLength(3);
  });

  it('and lets at most one of many make a key', async () => {
    const stores = await Promise.all(Array.from({ length: 6 }, open));
    for (let number = 1; number <= 8; number++) {
      const key = `leases/service/0000000${number}`;
      const made = await Promise.all(stores.map((store, index) => store.create(key, text(`by ${index}`), signal)));
      const winners = made.flatMap((isMade, index) => (isMade ? [index] : []));
      expect(winners.length).toBeLessThanOrEqual(1);
      expect(await read(stores[0] as RemoteStore, key)).toBe(winners.length === 0 ? undefined : `by ${winners[0]}`);
      if (kind === 's3') expect(winners).toHaveLength(1);
      expect(await (stores[0] as RemoteStore).create(key, text('late'), signal)).toBe(winners.length === 0);
    }
  });

  it('and tells the time of the server', async () => {
    const store = await open();
    expect(store.now()).toBeUndefined();
    await store.has('anything', signal);
    expect(Math.abs((store.now()?.getTime() ?? 0) - Date.now())).toBeLessThan(5_000);
  });
});
