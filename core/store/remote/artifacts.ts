import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { withTries } from '../../registry/patience.ts';
import type { StoredArtifact } from '../../spec/port.ts';
import { RemoteError } from '../../spec/remote.ts';
import { type ArtifactFolder, filesFolder } from '../artifacts.ts';
import type { Disk } from '../disk.ts';
import { manifestOfPack, unpack } from './pack.ts';
import { artifactKey } from './results.ts';
import { usualPatience } from './retry.ts';
import { damagedWarning, type SharedStore } from './shared.ts';

export interface SharedArtifacts {
  readonly local: ArtifactFolder;
  readonly disk: Disk;
  readonly shared: SharedStore;
  /** Where bytes lie until they are known to be right. */
  readonly incoming: string;
  /** Manifests that are known already. */
  manifest(digest: string): string | undefined;
}

/** Local first. What is elsewhere is described by its manifest, and fetched when its bytes are needed. */
export function sharedArtifacts(given: SharedArtifacts): ArtifactFolder {
  const { local, shared } = given;
  const fetching = new Map<string, Promise<StoredArtifact | undefined>>();
  const fetched = (digest: string): Promise<StoredArtifact | undefined> => {
    const known = fetching.get(digest) ?? shared.ask(() => fetchArtifact(given, digest), undefined).finally(() => fetching.delete(digest));
    fetching.set(digest, known);
    return known;
  };
  return {
    ...local,
    async open(digest, how) {
      const here = await local.open(digest, how);
      if (here) return here;
      if (how !== undefined) return fetched(digest);
      const manifest = given.manifest(digest) ?? (await shared.ask(() => readManifest(shared, digest), undefined));
      return manifest === undefined ? undefined : local.described(digest, manifest);
    },
  };
}

async function readManifest({ remote, signal }: SharedStore, digest: string): Promise<string | undefined> {
  const read = async (): Promise<string | undefined> => {
    const content = await remote.get(artifactKey(digest), signal);
    return content && manifestOfPack(content, digest);
  };
  return withTries(read, usualPatience, signal);
}

/** Fetches and checks an artifact, and commits it as a stage's output is committed. One with wrong bytes is taken away for everybody. */
async function fetchArtifact(given: SharedArtifacts, digest: string): Promise<StoredArtifact | undefined> {
  const { shared } = given;
  try {
    return await withTries(() => fetchOnce(given, digest), usualPatience, shared.signal);
  } catch (error) {
    if (!(error instanceof RemoteError) || error.trouble !== 'wrong') throw error;
    shared.warn(
      damagedWarning(shared.remote.place, `artifact ${digest.slice(0, 12)}: ${error.message}`, 'It is not used, and made again.'),
    );
    if (shared.access === 'write') await shared.ask(() => shared.remote.remove(artifactKey(digest), shared.signal), undefined);
    return undefined;
  }
}

async function fetchOnce({ local, disk, shared, incoming }: SharedArtifacts, digest: string): Promise<StoredArtifact | undefined> {
  const content = await shared.remote.get(artifactKey(digest), shared.signal);
  if (!content) return undefined;
  const folder = join(incoming, `${digest.slice(0, 12)}-${process.pid}-${randomBytes(4).toString('hex')}`);
  const files = join(folder, filesFolder);
  disk.makeFolder(files);
  try {
    const { kind, facts } = await unpack(content, digest, files);
    return await local.commit(files, kind, facts);
  } finally {
    disk.remove(folder);
  }
}
