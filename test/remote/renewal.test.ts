import { describe, expect, it } from 'vitest';
import { takeLease } from '../../core/store/remote/lease.ts';
import { openOci } from '../../core/store/remote/oci-client.ts';
import { patient, usualPatience } from '../../core/store/remote/retry.ts';
import { openS3 } from '../../core/store/remote/s3-client.ts';
import { type SharedStore, shareStore } from '../../core/store/remote/shared.ts';
import { type FaultProxy, faultProxy } from './fault-proxy.ts';
import { type ServerKind, startServer } from './servers.ts';

const { signal } = new AbortController();
const holder = (host: string) => ({ pid: 1, startedAt: '1', host, boot: 'b', user: 'test', command: 'modelflow run', since: 'now' });
const world = (host: string) => ({ me: holder(host), isAlive: () => true, onWait: () => undefined });

describe.each(['s3', 'oci'] as const)('a lease in %s', (kind: ServerKind) => {
  const stores = async (): Promise<{ mine: SharedStore; theirs: SharedStore; proxy: FaultProxy }> => {
    const server = await startServer(kind);
    for (const [name, value] of Object.entries(server.env)) process.env[name] = value;
    const proxy = await faultProxy(server.port);
    const at = (port: number) =>
      kind === 's3'
        ? openS3({ bucket: 'models', prefix: '', endpoint: `http://127.0.0.1:${port}` })
        : openOci({ repository: `127.0.0.1:${port}/team/models`, insecure: true });
    const shared = async (port: number) => shareStore(patient(await at(port), { ...usualPatience, tries: 1 }), 'write', signal);
    return { mine: await shared(proxy.port), theirs: await shared(server.port), proxy };
  };

  it('is kept for as long as its holder renews it, and lost when it no longer can', async () => {
    const { mine, theirs, proxy } = await stores();
    // The clock of a server tells whole seconds.
    const lastsMs = 3_000;
    const lease = await takeLease('place/svc', mine, world('one'), { lastsMs, waitMs: 0 }, signal);
    await expect(takeLease('place/svc', theirs, world('two'), { lastsMs, waitMs: 2 * lastsMs }, signal)).rejects.toThrow('MF6103');
    await lease.check();
    proxy.fault = () => ({ status: 500 });
    const next = await takeLease('place/svc', theirs, world('two'), { lastsMs, waitMs: 4 * lastsMs }, signal);
    expect(next.fence).toBeGreaterThan(lease.fence);
    await expect(lease.check()).rejects.toThrow('MF6104');
    await next.check();
    await next.release();
  }, 60_000);
});
