import { join } from 'node:path';
import { foldLineage } from '../../plan/lineage.ts';
import { columns, formatBytes } from '../../report/format.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { diskSizes } from '../../store/collect.ts';
import { scopesOf } from '../store-inventory.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

export type DuGroup = 'kind' | 'stage' | 'run';

interface Share {
  readonly name: string;
  readonly sizeBytes: number;
  readonly artifacts: number;
  /** Of these bytes, what other groups use as well; they are counted in the first of them only. */
  readonly sharedBytes: number;
}

interface Usage {
  readonly totalBytes: number;
  readonly folders: Readonly<Record<string, number>>;
  readonly by: DuGroup;
  readonly groups: readonly Share[];
}

/** `modelflow cache du`: what the store holds, and for whom. Changes nothing. */
export async function cacheDuCommand(options: Where & { readonly by: DuGroup; readonly json: boolean }): Promise<ExitCode> {
  const usage = await usageOf(await openWorkspace(options), options.by);
  if (options.json) console.log(JSON.stringify(usage, undefined, 2));
  else console.log(usageText(usage));
  return 0;
}

async function usageOf(workspace: Workspace, by: DuGroup): Promise<Usage> {
  const { root, disk } = workspace.store;
  const sizeOf = diskSizes();
  const sizes = new Map(
    workspace.store.artifacts.digests().map((digest) => [digest, sizeOf(join(root, 'artifacts', digest.slice(0, 2), digest))]),
  );
  const artifactBytes = [...sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  const others = disk.list(root).filter((name) => name !== 'artifacts');
  const folders = Object.fromEntries([['artifacts', artifactBytes], ...others.map((name) => [name, sizeOf(join(root, name))] as const)]);
  const totalBytes = Object.values(folders).reduce((sum, bytes) => sum + bytes, 0);
  return { totalBytes, folders, by, groups: sharesOf(namesOf(workspace, by), sizes) };
}

/** Group → the artifacts that it uses, the newest run first. */
function namesOf(workspace: Workspace, by: DuGroup): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>();
  const add = (name: string, digest: string): void => void names.set(name, (names.get(name) ?? new Set()).add(digest));
  const { artifacts } = workspace.store;
  if (by === 'kind') {
    for (const digest of artifacts.digests()) add(kindOf(artifacts.manifest(digest)), digest);
    return names;
  }
  for (const { scope, runs } of scopesOf(workspace).toReversed()) {
    for (const { run, events } of runs.toReversed()) {
      for (const [node, makings] of foldLineage([events]))
        for (const { digest } of makings) if (digest !== undefined) add(by === 'run' ? `${scope}/${run}` : `${scope}/${node}`, digest);
    }
  }
  const used = new Set([...names.values()].flatMap((digests) => [...digests]));
  for (const digest of artifacts.digests())
    if (!used.has(digest)) add(by === 'run' ? '(of no run on record)' : '(of no stage on record)', digest);
  return names;
}

function kindOf(manifest: string | undefined): string {
  try {
    return String((JSON.parse(manifest ?? '') as { readonly kind?: unknown }).kind ?? '(damaged)');
  } catch {
    // Not there, or torn.
    return '(damaged)';
  }
}

function sharesOf(names: ReadonlyMap<string, ReadonlySet<string>>, sizes: ReadonlyMap<string, number>): readonly Share[] {
  const counted = new Set<string>();
  return [...names].map(([name, digests]) => {
    const here = [...digests].filter((digest) => sizes.has(digest));
    const fresh = here.filter((digest) => !counted.has(digest));
    for (const digest of fresh) counted.add(digest);
    const bytesOf = (list: readonly string[]): number => list.reduce((sum, digest) => sum + (sizes.get(digest) ?? 0), 0);
    return { name, sizeBytes: bytesOf(fresh), artifacts: here.length, sharedBytes: bytesOf(here) - bytesOf(fresh) };
  });
}

function usageText({ totalBytes, folders, by, groups }: Usage): string {
  const bySize = groups.toSorted((left, right) => right.sizeBytes - left.sizeBytes);
  const parts = Object.entries(folders).filter(([, bytes]) => bytes > 0);
  const right = new Set([1]);
  return [
    `${formatBytes(totalBytes)} in all`,
    ...columns(
      parts.map(([name, bytes]) => [`  ${name}`, formatBytes(bytes)]),
      right,
    ),
    `artifacts by ${by}; what several use is counted once`,
    ...columns(
      bySize.map(({ name, sizeBytes, artifacts, sharedBytes }) => [
        `  ${name}`,
        formatBytes(sizeBytes),
        `${artifacts} ${artifacts === 1 ? 'artifact' : 'artifacts'}${sharedBytes === 0 ? '' : `, ${formatBytes(sharedBytes)} more shared with others`}`,
      ]),
      right,
    ),
  ].join('\n');
}
