import { relative } from 'node:path';
import type { Account, WhyAsked } from '../../plan/account.ts';
import { upstreamOf } from '../../plan/graph.ts';
import { foldLineage } from '../../plan/lineage.ts';
import { makePlan } from '../../plan/plan.ts';
import { whyIn, whyNow } from '../../plan/why.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import type { RunEvent } from '../../spec/event.ts';
import type { Cause, FingerprintParts } from '../../spec/plan.ts';
import { planPorts } from '../engine-ports.ts';
import { runsLookedAt } from '../past.ts';
import { showDiagnostics, wantsColor } from '../show.ts';
import { evidenceFor } from '../why-evidence.ts';
import { named, openWorkspace, type Where, type Workspace } from '../workspace.ts';

export interface WhyOptions extends Where {
  readonly stage: string;
  /** Undefined: what would happen now; `last`, or the beginning of the id of a run: what happened then. */
  readonly run: string | undefined;
  readonly json: boolean;
}

/** `modelflow why`: what becomes of a stage, or became of it, and the chain of causes down to what was changed. Changes nothing. */
export async function whyCommand(options: WhyOptions, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  await showDiagnostics(workspace.warnings);
  const nodes = named(workspace.graph, options.stage);
  const runs = recentRuns(workspace);
  const asked = await askedOf(workspace, nodes, runs, signal);
  const answers: { readonly node: string; readonly accounts: readonly Account[] }[] = [];
  for (const node of nodes) {
    const accounts = options.run === undefined ? await whyNow(node, asked) : await whyThen(node, options.run, asked, runs);
    answers.push({ node, accounts: accounts.map((account) => placed(account, workspace)) });
  }
  if (options.json) {
    console.log(JSON.stringify(answers, undefined, 2));
    return 0;
  }
  const { whyText } = await import('../../report/why-text.ts');
  console.log(answers.map(({ accounts }) => whyText(accounts, { color: wantsColor(process.stdout) })).join('\n\n'));
  return 0;
}

type Runs = ReadonlyMap<string, readonly RunEvent[]>;

function recentRuns({ store }: Workspace): Runs {
  const ids = store.runs.ids().slice(-runsLookedAt);
  return new Map(ids.map((id) => [id, store.runs.events(id)]));
}

async function askedOf(workspace: Workspace, nodes: readonly string[], runs: Runs, signal: AbortSignal): Promise<WhyAsked> {
  const { graph, config, profile } = workspace;
  const parts = new Map<string, FingerprintParts>();
  const listings = new Map<string, string>();
  const ports = planPorts(workspace, signal, (digest, text) => void listings.set(digest, text));
  const plan = await makePlan(
    {
      pipeline: config.pipeline.pipeline,
      profile,
      graph,
      within: upstreamOf(graph, nodes),
      forced: new Set(),
      policies: [],
      onParts: (node, found) => void parts.set(node, found),
    },
    ports,
  );
  const lineage = foldLineage(runs.values());
  const sources = { workspace, lineage, listings };
  return {
    graph,
    steps: new Map(plan.steps.map((step) => [step.node, step])),
    parts,
    lineage,
    evidence: (ground) => evidenceFor(sources, ground),
  };
}

async function whyThen(node: string, wanted: string, asked: WhyAsked, runs: Runs): Promise<readonly Account[]> {
  const looked = (asked.lineage.get(node) ?? []).map((making) => making.run);
  const run = wanted === 'last' ? looked.at(-1) : [...runs.keys()].findLast((id) => isMeant(id, wanted));
  const accounts = run === undefined ? undefined : await whyIn(run, node, asked, plannedCauses(runs.get(run) ?? [], node));
  if (accounts) return accounts;
  const known = looked.length === 0 ? 'No run has looked at it yet.' : `It was looked at by: ${looked.slice(-5).join(', ')}.`;
  if (wanted === 'last')
    throw failure('MF1206', `no run has looked at \`${node}\` yet`, { hint: `\`modelflow run --only ${node}\` does.` });
  throw failure('MF1230', run === undefined ? `there is no run ${wanted} on record` : `the run ${run} did not look at \`${node}\``, {
    hint: known,
  });
}

/** `4` means the fourth run, `000004-20261121` the one whose id begins so. */
function isMeant(id: string, wanted: string): boolean {
  return /^\d+$/.test(wanted) && wanted.length <= 6 ? Number.parseInt(id, 10) === Number(wanted) : id.startsWith(wanted);
}

/** What only the plan of that run knew: what was asked for, and what was found in the world and in the store. */
function plannedCauses(events: readonly RunEvent[], node: string): readonly Cause[] {
  const started = events.find((event) => event.type === 'run-started');
  const step = started?.plan.steps.find((each) => each.node === node);
  if (step?.do !== 'run') return [];
  const isItsOwn = ({ why }: Cause): boolean => why === 'forced' || why === 'no-longer-true' || why === 'output-missing';
  return step.because.every(isItsOwn) ? step.because : [];
}

function placed(account: Account, { graph, config }: Workspace): Account {
  const place = graph.byName.get(account.node)?.node.place();
  return place === undefined ? account : { ...account, place: `${relative(config.root, place.file)}:${place.line}` };
}
