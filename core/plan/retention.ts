import { lastingEvents, type RunEvent } from '../spec/event.ts';
import { foldHistory, serviceKey } from './history.ts';
import { foldLineage, type Lineage } from './lineage.ts';

/** One pipeline and profile of a store, with all its runs, oldest first. */
export interface ScopeRecord {
  readonly scope: string;
  readonly runs: readonly { readonly run: string; readonly events: readonly RunEvent[] }[];
  /** The stages of its configuration, where that is known; results of others are kept only as long as their runs. */
  readonly nodes: ReadonlySet<string> | undefined;
}

export interface KeepRule {
  /** This many of the last runs of each pipeline and profile. */
  readonly runs: number;
  /** And every run that began after this, ISO 8601. */
  readonly since: string | undefined;
  /** This many of the last releases of each service that one can go back to, with the live one. */
  readonly releases: number;
}

export interface Retained {
  /** Digest of an artifact → why it stays, in a few words. */
  readonly digests: ReadonlyMap<string, string>;
  /** `<scope>/<run>` of the runs whose journals stay. */
  readonly runs: ReadonlySet<string>;
  /** Every fingerprint that any run speaks of: what none speaks of came from elsewhere. */
  readonly mentioned: ReadonlySet<string>;
  /** Every digest that the parts of a kept run hold: of code, of folders. */
  readonly listed: ReadonlySet<string>;
}

type Open = {
  readonly digests: Map<string, string>;
  readonly runs: Set<string>;
  readonly mentioned: Set<string>;
  readonly listed: Set<string>;
};

/**
 * What must not be collected. Of each scope: the last runs with all they made or used, the last result of every stage, what is live,
 * and what can be gone back to. Journals that speak of releases stay for good: they are the record of who did what.
 */
export function retain(scopes: readonly ScopeRecord[], rule: KeepRule): Retained {
  const kept: Open = { digests: new Map(), runs: new Set(), mentioned: new Set(), listed: new Set() };
  for (const scope of scopes) {
    keepReleases(scope, rule, kept);
    keepResults(scope, foldLineage(scope.runs.map(({ events }) => events)), rule, kept);
  }
  return kept;
}

function keepReleases({ scope, runs }: ScopeRecord, rule: KeepRule, kept: Open): void {
  const { releases, refused, settled, rollouts } = foldHistory(runs.map(({ events }) => events));
  const live = new Map([...settled].flatMap(([key, { release }]) => (release ? [[key, release] as const] : [])));
  for (const release of live.values()) kept.digests.set(release.what, `${serviceKey(release)} is live`);
  for (const [key, { release }] of rollouts) kept.digests.set(release.what, `${key} is rolled out to it`);
  for (const [key, entries] of releases) {
    const stamps = new Set<string>();
    for (const { release } of entries.toReversed()) {
      if (stamps.size >= rule.releases) break;
      if (refused.has(release.stamp) || stamps.has(release.stamp)) continue;
      stamps.add(release.stamp);
      if (!kept.digests.has(release.what)) kept.digests.set(release.what, `a release of ${key}`);
    }
  }
  for (const { run, events } of runs) {
    if (events.some(({ type }) => lastingEvents.has(type))) kept.runs.add(`${scope}/${run}`);
  }
  // A run that was killed while it deployed: what it meant to deploy may be live.
  for (const event of runs.at(-1)?.events ?? [])
    if (event.type === 'release-intended' && !kept.digests.has(event.release.what))
      kept.digests.set(event.release.what, `${serviceKey(event.release)} may be live`);
}

function keepResults({ scope, runs, nodes }: ScopeRecord, lineage: Lineage, rule: KeepRule, kept: Open): void {
  const young = new Set(
    runs.flatMap(({ run, events }, index) => {
      const isLast = index >= runs.length - rule.runs;
      return isLast || (rule.since !== undefined && (events[0]?.at ?? '') >= rule.since) ? [run] : [];
    }),
  );
  for (const run of young) kept.runs.add(`${scope}/${run}`);
  for (const [node, makings] of lineage) {
    const last = nodes === undefined || nodes.has(node) ? makings.findLast(({ digest }) => digest !== undefined) : undefined;
    if (last) kept.runs.add(`${scope}/${last.run}`);
    for (const making of makings) {
      if (making.fingerprint !== undefined) kept.mentioned.add(making.fingerprint);
      if (making !== last && !young.has(making.run)) continue;
      for (const digest of JSON.stringify(making.parts ?? {}).match(/\b[0-9a-f]{64}\b/g) ?? []) kept.listed.add(digest);
      if (making.digest !== undefined && !kept.digests.has(making.digest))
        kept.digests.set(making.digest, making === last ? `the last result of ${node}` : `used by run ${making.run}`);
    }
  }
}
