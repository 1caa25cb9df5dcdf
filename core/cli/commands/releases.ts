import { approvalKey, type ReleaseEntry, serviceKey } from '../../plan/history.ts';
import { columns } from '../../report/format.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import { silentLog } from '../show.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

interface ReleaseLine {
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
}

/** `modelflow releases`: who released what, when, from which commit and plan, and what became of it. */
export async function releasesCommand(
  options: Where & { readonly services: readonly string[]; readonly json: boolean },
  signal: AbortSignal,
): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const all = await linesOf(workspace, signal);
  const shown =
    options.services.length === 0
      ? all
      : all.filter(({ service, node }) => options.services.some((word) => word === service || word === node));
  if (options.json) console.log(JSON.stringify(shown, undefined, 2));
  else console.log(shown.length === 0 ? 'nothing has been released yet' : shown.map(serviceText).join('\n\n'));
  return 0;
}

async function linesOf(workspace: Workspace, signal: AbortSignal): Promise<readonly ServiceLines[]> {
  const { store } = workspace;
  const past = store.past();
  const live = await liveOf(workspace, signal);
  return Promise.all(
    [...past.releases].map(async ([key, entries]) => {
      const { node, release } = entries.at(-1) as ReleaseEntry;
      // Where the target cannot be asked, the journal says what should be live.
      const found = live.get(key);
      const stamp = found ? found.stamp : past.settled.get(key)?.release?.stamp;
      const last = entries.findLastIndex((entry) => entry.release.stamp === stamp);
      const releases = await Promise.all(entries.map((entry, index) => lineOf(workspace, entry, index === last)));
      return { service: release.service, target: release.target, node, url: found?.url, releases: releases.toReversed() };
    }),
  );
}

async function liveOf(
  workspace: Workspace,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, { readonly stamp: string | undefined; readonly url: string | undefined }>> {
  const ports = planPorts(workspace, signal);
  const deploying = workspace.graph.nodes.filter((node) => node.node.stage.deploys);
  return new Map(
    await Promise.all(
      deploying.map(async (node) => {
        const { target, service } = placementOf(node, ports.options(node));
        const live = await target.def.read(ports.targetContext(target, signal, silentLog), service);
        const stamp = live.revisions.find(({ weight }) => weight > 0)?.stamp;
        return [serviceKey({ target: target.target, service }), { stamp, url: live.url }] as const;
      }),
    ),
  );
}

async function lineOf({ store }: Workspace, entry: ReleaseEntry, isLive: boolean): Promise<ReleaseLine> {
  const { release, node, how, at, run, by, commit } = entry;
  const past = store.past();
  const reason = past.refused.get(release.stamp);
  const isThere = store.artifacts.manifest(release.what) !== undefined;
  const approval = past.approvals.get(approvalKey(node, release.stamp));
  return {
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

function serviceText({ service, target, url, releases }: ServiceLines): string {
  const rows = releases.map((line) => [
    `  ${line.state}`,
    line.release.slice(0, 12),
    line.at.replace('T', ' ').replace(/\.\d+Z$/, ' UTC'),
    line.how,
    `by ${line.by ?? '?'}`,
    line.commit === undefined ? '' : `commit ${line.commit.slice(0, 12)}${line.commit.endsWith('+') ? '+' : ''}`,
    [...line.approvals.map(({ by }) => `approved by ${by ?? '?'}`), ...(line.reason === undefined ? [] : [line.reason])].join(', '),
  ]);
  return [`${service} on ${target}${url === undefined ? '' : `  ${url}`}`, ...columns(rows)].join('\n');
}
