import { servingOf } from '../../plan/drift.ts';
import { approvalKey, type ReleaseEntry, serviceKey } from '../../plan/history.ts';
import { shownUnderway } from '../../plan/rollout.ts';
import { columns } from '../../report/format.ts';
import type { ExitCode } from '../../spec/codes.ts';
import type { RolloutUnderway } from '../../spec/plan.ts';
import { type AskedService, askServices, exitOf } from '../live-services.ts';
import { showDiagnostics } from '../show.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

interface ReleaseLine {
  /** For `rollback --to`; the first one is 1. */
  readonly number: number;
  /** The stamp that the live resource carries. */
  readonly release: string;
  readonly state: 'live' | 'kept' | 'refused' | 'gone';
  /** Why it was refused. */
  readonly reason: string | undefined;
  readonly how: ReleaseEntry['how'];
  readonly at: string;
  readonly run: string;
  readonly by: string | undefined;
  readonly commit: string | undefined;
  readonly planDigest: string | undefined;
  readonly artifact: string;
  readonly approvals: readonly { readonly by: string | undefined; readonly commit: string | undefined; readonly at: string }[];
}

interface ServiceLines {
  readonly service: string;
  readonly target: string;
  readonly node: string;
  readonly url: string | undefined;
  /** The newest first. */
  readonly releases: readonly ReleaseLine[];
  /** A release that is about to take over. */
  readonly rollout?: RolloutUnderway;
}

/** `modelflow releases`: who released what, when, from which commit and plan, and what became of it. */
export async function releasesCommand(
  options: Where & { readonly services: readonly string[]; readonly json: boolean },
  signal: AbortSignal,
): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const asked = await askServices(workspace, signal);
  const all = await linesOf(workspace, asked);
  const shown =
    options.services.length === 0
      ? all
      : all.filter(({ service, node }) => options.services.some((word) => word === service || word === node));
  if (options.json) console.log(JSON.stringify(shown, undefined, 2));
  else console.log(shown.length === 0 ? 'nothing has been released yet' : shown.map(serviceText).join('\n\n'));
  await showDiagnostics(asked.flatMap(({ trouble }) => trouble));
  return exitOf(asked);
}

async function linesOf(workspace: Workspace, asked: readonly AskedService[]): Promise<readonly ServiceLines[]> {
  const { store } = workspace;
  const past = store.past();
  const live = new Map(
    asked.map((each) => [serviceKey({ target: each.placement.target.target, service: each.placement.service }), each.live]),
  );
  return Promise.all(
    [...past.releases].map(async ([key, entries]) => {
      const { node, release } = entries.at(-1) as ReleaseEntry;
      // Where the target cannot be asked, the journal says what should be live.
      const found = live.get(key);
      const stamp = found ? servingOf(found)?.stamp : past.settled.get(key)?.release?.stamp;
      const last = entries.findLastIndex((entry) => entry.release.stamp === stamp);
      const releases = await Promise.all(entries.map((entry, index) => lineOf(workspace, entry, index, index === last)));
      const underway = past.rollouts.get(key);
      return {
        service: release.service,
        target: release.target,
        node,
        url: found?.url,
        releases: releases.toReversed(),
        ...(underway ? { rollout: shownUnderway(underway) } : {}),
      };
    }),
  );
}

async function lineOf({ store }: Workspace, entry: ReleaseEntry, index: number, isLive: boolean): Promise<ReleaseLine> {
  const { release, node, how, at, run, by, commit } = entry;
  const past = store.past();
  const reason = past.refused.get(release.stamp);
  const isThere = store.artifacts.manifest(release.what) !== undefined;
  const approval = past.approvals.get(approvalKey(node, release.stamp));
  return {
    number: index + 1,
    release: release.stamp,
    state: isLive ? 'live' : reason !== undefined ? 'refused' : isThere ? 'kept' : 'gone',
    reason,
    how,
    at,
    run,
    by,
    commit,
    planDigest: release.planDigest,
    artifact: release.what,
    approvals: approval ? [{ by: approval.by, commit: approval.commit, at: approval.at }] : [],
  };
}

function serviceText({ service, target, url, releases, rollout }: ServiceLines): string {
  const rows = releases.map((line) => [
    `  ${line.number}`,
    line.state,
    line.release.slice(0, 12),
    line.at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
    line.how,
    `by ${line.by ?? '?'}`,
    line.commit === undefined ? '' : `commit ${line.commit.slice(0, 12)}${line.commit.endsWith('+') ? '+' : ''}`,
    [...line.approvals.map(({ by }) => `approved by ${by ?? '?'}`), ...(line.reason === undefined ? [] : [line.reason])].join(', '),
  ]);
  const candidate =
    rollout &&
    `  ${rollout.strategy} of ${rollout.stamp.slice(0, 12)} is ${{ going: 'under way', paused: 'paused', 'going-back': 'refused, and to be taken back,' }[rollout.state]} at ${rollout.weight} %`;
  return [`${service} on ${target}${url === undefined ? '' : `  ${url}`}`, ...(candidate ? [candidate] : []), ...columns(rows)].join('\n');
}
