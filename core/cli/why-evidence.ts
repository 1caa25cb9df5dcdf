import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Evidence, FileState, Ground } from '../plan/account.ts';
import { canonicalJson, sha256 } from '../plan/canonical.ts';
import { isTable } from '../plan/fingerprint.ts';
import type { Lineage } from '../plan/lineage.ts';
import type { FingerprintParts } from '../spec/plan.ts';
import { isSource } from '../spec/source.ts';
import { isTarget } from '../spec/target.ts';
import { differenceOf } from '../store/compare.ts';
import type { FileDigest } from '../store/digest.ts';
import { hashFiles } from '../store/hash-files.ts';
import type { Workspace } from './workspace.ts';

/** Where what is known of bytes lies: `listings` are those of this very command. */
export interface EvidenceSources {
  readonly workspace: Workspace;
  readonly lineage: Lineage;
  readonly listings: ReadonlyMap<string, string>;
}

interface SourceParts {
  readonly source: 'file' | 'folder';
  readonly digest: string;
  readonly sizeBytes: number;
}

/** What can be shown for a cause: from the store and the user's files as they are now. What is not kept any more is left out. */
export async function evidenceFor(
  sources: EvidenceSources,
  { node, cause, before, now, diagnostics }: Ground,
): Promise<readonly Evidence[]> {
  switch (cause.why) {
    case 'source-changed':
      return sourceEvidence(sources, node, cause.path, before, now);
    case 'code-changed':
      return listedEvidence(codeFiles(sources, cause.from), codeFiles(sources, cause.to));
    case 'input-changed':
      return cause.from === undefined || cause.to === undefined ? [] : artifactEvidence(sources.workspace, cause.from, cause.to);
    case 'last-run-failed':
      return diagnostics.length === 0 ? [] : [{ of: 'failure', diagnostics }];
    default:
      return [];
  }
}

async function sourceEvidence(
  sources: EvidenceSources,
  node: string,
  path: string,
  before: FingerprintParts | undefined,
  now: FingerprintParts | undefined,
): Promise<readonly Evidence[]> {
  const [was, is] = [sourceAt(before?.options, path), sourceAt(now?.options, path)];
  if (was === undefined || is === undefined) return [];
  const shown = pathOf(sources, node, path);
  if (was.source === 'folder' || is.source === 'folder') {
    const [from, to] = [filesOf(sources, node, was), filesOf(sources, node, is)];
    if (from && to) return listedEvidence(asStates(from), asStates(to), shown);
    return [{ of: 'file', path: shown ?? path, before: state(was), after: state(is) }];
  }
  const [old, fresh] = [await bytesOf(sources, node, was, shown), await bytesOf(sources, node, is, shown)];
  return [{ of: 'file', path: shown ?? path, before: state(was), after: state(is), ...difference(old, fresh) }];
}

function state({ digest, sizeBytes }: SourceParts): FileState {
  return { sizeBytes, sha256: digest };
}

function difference(before: string | undefined, after: string | undefined): { firstDifferentByte?: number; differentBytes?: number } {
  const found = before === undefined || after === undefined ? undefined : differenceOf(before, after);
  return found ? { firstDifferentByte: found.firstByte, differentBytes: found.differentBytes } : {};
}

/** The value that stands at a dotted path of the plain options. */
function sourceAt(options: unknown, path: string): SourceParts | undefined {
  const found = at(options, path);
  return isTable(found) && typeof found['digest'] === 'string' ? (found as unknown as SourceParts) : undefined;
}

function at(value: unknown, path: string): unknown {
  let found = value;
  for (const key of path.split('.')) {
    if (isTarget(found)) found = key === 'settings' ? found.settings : undefined;
    else if (typeof found === 'object' && found !== null) found = (found as Readonly<Record<string, unknown>>)[key];
    else return undefined;
  }
  return found;
}

/** As the configuration has it now; a source may have had another path when an earlier run read it. */
function pathOf({ workspace }: EvidenceSources, node: string, path: string): string | undefined {
  const found = at(workspace.graph.byName.get(node)?.node.options, path);
  return isSource(found) ? found.path : undefined;
}

/** A file with these bytes: the user's own if it has them still, or the copy that a stage has put into its artifact. */
async function bytesOf(
  sources: EvidenceSources,
  node: string,
  wanted: SourceParts,
  shown: string | undefined,
): Promise<string | undefined> {
  const { store, config } = sources.workspace;
  const own = shown === undefined ? undefined : resolve(config.root, shown);
  if (own !== undefined && existsSync(own)) {
    const { size } = statSync(own);
    if (size === wanted.sizeBytes && (await hashFiles([{ path: own, sizeBytes: size }]))[0] === wanted.digest) return own;
  }
  for (const digest of artifactsOf(sources, node)) {
    const file = store.artifacts.files(digest)?.find((each) => each.sha256 === wanted.digest);
    const artifact = file && (await store.artifacts.open(digest));
    if (artifact) return join(artifact.path, file.path);
  }
  return undefined;
}

function artifactsOf({ lineage }: EvidenceSources, node: string): ReadonlySet<string> {
  return new Set((lineage.get(node) ?? []).toReversed().flatMap(({ digest }) => digest ?? []));
}

/** The files of a folder that had this digest: listed when it was read, or copied whole into an artifact. */
function filesOf(sources: EvidenceSources, node: string, wanted: SourceParts): readonly FileDigest[] | undefined {
  const text = sources.listings.get(wanted.digest) ?? sources.workspace.store.listings.find(wanted.digest);
  if (text !== undefined) return JSON.parse(text) as readonly FileDigest[];
  for (const digest of artifactsOf(sources, node)) {
    const files = sources.workspace.store.artifacts.files(digest);
    if (files && sha256(canonicalJson(files)) === wanted.digest) return files;
  }
  return undefined;
}

type Listed = ReadonlyMap<string, FileState | { readonly version: string }>;

function asStates(files: readonly FileDigest[]): Listed {
  return new Map(files.map(({ path, sizeBytes, sha256 }) => [path, { sizeBytes, sha256 }]));
}

/** The modules behind a digest of code; undefined when they were never listed. */
function codeFiles(sources: EvidenceSources, digest: string | undefined): Listed | undefined {
  if (digest === undefined) return undefined;
  const text = sources.listings.get(digest) ?? sources.workspace.store.listings.find(digest);
  if (text === undefined) return undefined;
  return new Map(
    text.split('\n').flatMap((line): [string, FileState | { version: string }][] => {
      const [, kind, name = '', what = ''] = /^(file|package) (.+) (\S*)$/.exec(line) ?? [];
      if (kind === undefined) return [];
      return [[name, kind === 'file' ? { sizeBytes: undefined, sha256: what } : { version: what }]];
    }),
  );
}

/** Every file and package that is not in both alike. */
function listedEvidence(before: Listed | undefined, after: Listed | undefined, folder?: string): readonly Evidence[] {
  if (before === undefined || after === undefined) return [];
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name): Evidence[] => {
    const [was, is] = [before.get(name), after.get(name)];
    if (canonicalJson(was ?? null) === canonicalJson(is ?? null)) return [];
    const path = folder === undefined ? name : join(folder, name);
    const some = was ?? is;
    if (some && 'version' in some) return [{ of: 'package', path, before: versionIn(was), after: versionIn(is) }];
    return [{ of: 'file', path, before: was as FileState | undefined, after: is as FileState | undefined }];
  });
}

function versionIn(listed: FileState | { readonly version: string } | undefined): string | undefined {
  return listed && 'version' in listed ? listed.version : undefined;
}

/** How two artifacts differ: their facts, and their files with the first byte that is another. */
async function artifactEvidence({ store }: Workspace, from: string, to: string): Promise<readonly Evidence[]> {
  const [old, fresh] = [await store.artifacts.open(from), await store.artifacts.open(to)];
  if (!old || !fresh) return [];
  const files = listedEvidence(asStates(store.artifacts.files(from) ?? []), asStates(store.artifacts.files(to) ?? []));
  const compared = files.map((each): Evidence => {
    if (each.of !== 'file' || each.before === undefined || each.after === undefined) return each;
    return { ...each, ...difference(join(old.path, each.path), join(fresh.path, each.path)) };
  });
  return [...compared, ...factChanges('', old.facts, fresh.facts)];
}

function factChanges(path: string, before: unknown, after: unknown): readonly Evidence[] {
  if (canonicalJson(before ?? null) === canonicalJson(after ?? null)) return [];
  if (isTable(before) && isTable(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => factChanges(path === '' ? key : `${path}.${key}`, before[key], after[key]));
  }
  return [{ of: 'fact', path, before, after }];
}
