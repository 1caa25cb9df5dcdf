import { dirname, join } from 'node:path';
import { canonicalJson, sha256 } from '../plan/canonical.ts';
import type { ArtifactStore, StoredArtifact } from '../spec/port.ts';
import { digestFolder, type FileDigest, namesBelow } from './digest.ts';
import type { Disk } from './disk.ts';
import { storeFailure } from './disk-failure.ts';
import { hashFiles } from './hash-files.ts';

/** The manifest of an artifact; its canonical text is what the digest is of. */
export interface ArtifactManifest {
  readonly format: 1;
  readonly kind: string;
  readonly facts: unknown;
  readonly files: readonly FileDigest[];
}

export interface ArtifactFolder extends ArtifactStore {
  /** Every digest in the store, whole or not. */
  digests(): readonly string[];
  /** What is wrong with an artifact, or nothing. Reads every byte and changes nothing. */
  damage(digest: string): Promise<string | undefined>;
  quarantine(digest: string): void;
  /** The text of a manifest that is here. */
  manifest(digest: string): string | undefined;
  /** An artifact by its manifest, as it will be once its files are here. */
  described(digest: string, manifest: string): StoredArtifact;
  /** The files of an artifact, as its manifest has them; undefined when it is not there. */
  files(digest: string): readonly FileDigest[] | undefined;
}

/** The folder a stage writes into lies in `<attempt>/files`; committing renames the attempt to `artifacts/<digest>`, so it is there whole or not at all. */
export const filesFolder = 'files';
const manifestName = 'manifest.json';

export function artifactFolder(root: string, disk: Disk, onQuarantine: (digest: string, why: string) => void): ArtifactFolder {
  const folderOf = (digest: string): string => join(root, 'artifacts', digest.slice(0, 2), digest);
  const quarantine = (digest: string): void => {
    disk.makeFolder(join(root, 'quarantine'));
    disk.takeAway(folderOf(digest), join(root, 'quarantine', `${digest}-${Date.now()}`));
  };
  const damage = async (digest: string): Promise<string | undefined> => damageOf(folderOf(digest), digest, disk, 'verified');
  return {
    async commit(folder, kind, facts) {
      const files = await digestFolder(folder);
      for (const file of files) disk.seal(join(folder, file.path));
      for (const inner of foldersOf(files)) disk.syncFolder(join(folder, inner));
      const text = canonicalJson({ format: 1, kind, facts, files } satisfies ArtifactManifest);
      const digest = sha256(text);
      disk.write(join(dirname(folder), manifestName), text);
      if (!disk.move(dirname(folder), folderOf(digest))) {
        // The same artifact is there already. If it is whole, ours is not needed; if not, ours is the better one.
        const why = await damage(digest);
        if (why !== undefined) {
          quarantine(digest);
          onQuarantine(digest, why);
          disk.move(dirname(folder), folderOf(digest));
        }
      }
      return stored(folderOf(digest), digest, { format: 1, kind, facts, files });
    },
    async open(digest, how) {
      const folder = folderOf(digest);
      const text = disk.readText(join(folder, manifestName));
      if (text === undefined && !disk.isThere(folder)) return undefined;
      const why = await damageOf(folder, digest, disk, how === 'verified' ? how : 'sizes');
      if (why === undefined) return stored(folder, digest, JSON.parse(text ?? '') as ArtifactManifest);
      // A plan changes nothing, so only a reader that needs the bytes moves the damaged ones away.
      if (how === 'verified') {
        quarantine(digest);
        onQuarantine(digest, why);
      }
      return undefined;
    },
    // Other programs leave files of their own everywhere, such as `.DS_Store`.
    digests: () =>
      disk
        .list(join(root, 'artifacts'))
        .flatMap((prefix) => disk.list(join(root, 'artifacts', prefix)))
        .filter((name) => /^[0-9a-f]{64}$/.test(name)),
    damage,
    quarantine,
    manifest: (digest) => disk.readText(join(folderOf(digest), manifestName)),
    described: (digest, text) => stored(folderOf(digest), digest, JSON.parse(text) as ArtifactManifest),
    files(digest) {
      const text = disk.readText(join(folderOf(digest), manifestName));
      return text !== undefined && sha256(text) === digest ? (JSON.parse(text) as ArtifactManifest).files : undefined;
    },
  };
}

/** Every folder with a file somewhere below it, relative to the root, which is the first. */
function foldersOf(files: readonly FileDigest[]): ReadonlySet<string> {
  const folders = new Set(['.']);
  for (const { path } of files) for (let above = dirname(path); !folders.has(above); above = dirname(above)) folders.add(above);
  return folders;
}

function stored(folder: string, digest: string, manifest: ArtifactManifest): StoredArtifact {
  const sizeBytes = manifest.files.reduce((sum, file) => sum + file.sizeBytes, 0);
  return { digest, kind: manifest.kind, facts: manifest.facts, path: join(folder, filesFolder), sizeBytes };
}

async function damageOf(folder: string, digest: string, disk: Disk, how: 'sizes' | 'verified'): Promise<string | undefined> {
  const text = disk.readText(join(folder, manifestName));
  if (text === undefined) return 'the manifest is missing';
  if (sha256(text) !== digest) return 'the manifest does not match its digest';
  const { files } = JSON.parse(text) as ArtifactManifest;
  try {
    return (
      (await damageIn(join(folder, filesFolder), files, disk, how)) ??
      (how === 'verified' ? await strangeIn(join(folder, filesFolder), files) : undefined)
    );
  } catch (error) {
    throw storeFailure(error, folder, 'read');
  }
}

async function damageIn(folder: string, files: readonly FileDigest[], disk: Disk, how: 'sizes' | 'verified'): Promise<string | undefined> {
  for (const file of files) {
    const path = join(folder, file.path);
    const sizeBytes = disk.sizeOf(path);
    if (sizeBytes === undefined) return `${file.path} is missing`;
    if (sizeBytes !== file.sizeBytes) return `${file.path} has ${sizeBytes} bytes, not ${file.sizeBytes}`;
  }
  if (how === 'sizes') return undefined;
  const digests = await hashFiles(files.map((file) => ({ path: join(folder, file.path), sizeBytes: file.sizeBytes })));
  const changed = files.find((file, index) => file.sha256 !== digests[index]);
  return changed && `the bytes of ${changed.path} have changed`;
}

/** A stage that writes into its input would be seen by the next one that reads the whole folder. */
async function strangeIn(folder: string, files: readonly FileDigest[]): Promise<string | undefined> {
  const known = new Set(files.map((file) => file.path));
  const strange = (await namesBelow(folder)).find((path) => !known.has(path));
  return strange === undefined ? undefined : `${strange} was added`;
}
