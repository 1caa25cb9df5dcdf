import { join } from 'node:path';
import { serviceKey } from '../../plan/history.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import { lastingEvents } from '../../spec/event.ts';
import { nearest } from '../../spec/nearest.ts';
import { emptyTrash, takeOut } from '../../store/collect.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import { packageManifest } from '../package-root.ts';
import { beginSession, type Session } from '../session.ts';
import { silentLog } from '../show.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

export interface ForgetOptions extends Where {
  readonly service: string | undefined;
  readonly run: string | undefined;
}

/** `modelflow forget`: drops what is on record of a service, or the record of a run. The world is not touched, and what stays live is said. */
export async function forgetCommand(options: ForgetOptions, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  const { service, run } = options;
  if ((service === undefined) === (run === undefined))
    throw failure('MF1201', 'forget takes the name of a service, or a run', {
      hint: '`modelflow forget SERVICE`, or `modelflow forget --run RUN`.',
    });
  const session = beginSession(workspace);
  try {
    if (run !== undefined) forgetRun(workspace, run);
    else await forgetService(workspace, session, service ?? '', signal);
    return 0;
  } finally {
    await session.end(signal);
  }
}

function forgetRun({ store }: Workspace, wanted: string): void {
  const isNumber = /^\d{1,6}$/.test(wanted);
  const run = store.runs.ids().findLast((id) => (isNumber ? Number.parseInt(id, 10) === Number(wanted) : id.startsWith(wanted)));
  if (run === undefined)
    throw failure('MF1230', `there is no run ${wanted} on record`, { hint: `The last are: ${store.runs.ids().slice(-5).join(', ')}.` });
  if (store.runs.events(run).some(({ type }) => lastingEvents.has(type)))
    throw failure('MF1231', `the run ${run} is the record of a release or an approval`, {
      hint: '`modelflow forget SERVICE` drops what is known of a service.',
    });
  takeOut(store.root, store.disk, join(store.root, 'runs', store.scope, run));
  emptyTrash(store.root, store.disk);
  console.log(`run ${run} is forgotten; what it made stays until \`modelflow cache gc\``);
}

async function forgetService(workspace: Workspace, session: Session, service: string, signal: AbortSignal): Promise<void> {
  const { store, config, profile } = workspace;
  const entries = [...store.past().releases.values()]
    .flatMap((list) => list.at(-1) ?? [])
    .filter((entry) => entry.release.service === service);
  if (entries.length === 0) {
    const known = [...store.past().releases.values()].flatMap((list) => list.at(-1)?.release.service ?? []);
    const near = nearest(service, known);
    throw failure('MF1202', `no release of a service \`${service}\` is on record`, {
      hint: near
        ? `Did you mean \`${near}\`?`
        : known.length === 0
          ? 'Nothing has been released yet.'
          : `On record are: ${known.join(', ')}.`,
    });
  }
  const { by, commit } = session.origin;
  const { version } = packageManifest();
  const { pipeline } = config.pipeline;
  await session.journal.append({
    type: 'operation-started',
    run: session.run,
    pipeline,
    profile,
    modelflow: version,
    operation: 'forget',
    by,
    commit,
  });
  for (const { node, release } of entries) {
    await session.journal.append({ type: 'service-forgotten', node, target: release.target, service });
    console.log(`${service} on ${release.target} is forgotten; ${await whatStays(workspace, release, signal)}`);
  }
  await session.journal.append({ type: 'run-ended', outcome: 'ok', durationMs: 0 });
}

/** Asked of the target, where the configuration still has it. */
async function whatStays(
  workspace: Workspace,
  release: { readonly target: string; readonly service: string },
  signal: AbortSignal,
): Promise<string> {
  const ports = planPorts(workspace, signal);
  const placements = workspace.graph.nodes.filter((node) => node.node.stage.deploys).map((node) => placementOf(node, ports.options(node)));
  const target = placements.find(
    (each) => serviceKey({ target: each.target.target, service: each.service }) === serviceKey(release),
  )?.target;
  if (target === undefined) return 'whether it still runs cannot be asked: the configuration does not name it any more';
  const live = await target.def.read(ports.targetContext(target, signal, silentLog), release.service);
  if (live.revisions.length === 0) return 'it does not run';
  return `it goes on running${live.url === undefined ? '' : ` at ${live.url}`}. \`modelflow adopt ${release.service}\` takes it back, \`modelflow down ${release.service}\` stops it`;
}
