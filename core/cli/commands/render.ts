import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import type { PlanPorts } from '../../plan/plan.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { failure } from '../../spec/diagnostic.ts';
import type { LiveChange } from '../../spec/plan.ts';
import type { RenderedFile } from '../../spec/target.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import { printable, showDiagnostics, silentLog } from '../show.ts';
import { deployedNode, type WantedRelease, wantedReleases } from '../wanted-releases.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';
import { choose, type Placed } from './operate.ts';
import { planOf } from './plan.ts';

export interface RenderOptions extends Where {
  /** Names of services; all of them when empty. */
  readonly services: readonly string[];
  /** One of those that the target has; its first one when undefined. */
  readonly format: string | undefined;
  /** A folder; undefined: stdout. */
  readonly out: string | undefined;
  readonly image: string | undefined;
}

/** `modelflow render`: services as files for other tools. The live world is not asked, and nothing is changed in it. */
export async function renderCommand(options: RenderOptions, signal: AbortSignal): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  await showDiagnostics(workspace.warnings);
  const ports = planPorts(workspace, signal);
  const deploying = workspace.graph.nodes
    .filter((node) => node.node.stage.deploys)
    .map((node) => ({ node: node.name, placement: placementOf(node, ports.options(node)) }));
  const chosen = choose(deploying, options.services).filter((each) => options.services.length > 0 || isRendered(each, options.format));
  if (chosen.length === 0)
    throw failure('MF1240', `no service of the pipeline can be rendered${options.format === undefined ? '' : ` as ${options.format}`}`, {
      hint: `The formats are: ${formatsOf(deploying).join(', ') || 'none; no target of the pipeline has any'}.`,
    });
  const only = chosen.map(({ node }) => node);
  const plan = await planOf(workspace, { only, force: [] }, signal, undefined, { ...ports, live: unasked(ports) });
  const wanted = wantedReleases(workspace, plan);
  const files: RenderedFile[] = [];
  for (const placed of chosen) files.push(...(await renderOne(workspace, placed, wanted.get(placed.node), options, signal)));
  if (options.out === undefined) print(files);
  else writeAll(files, resolve(options.cwd, options.out), options.cwd);
  return 0;
}

function isRendered({ placement }: Placed, format: string | undefined): boolean {
  const { renders = [] } = placement.target.def;
  return format === undefined ? renders.length > 0 : renders.includes(format);
}

function formatsOf(placed: readonly Placed[]): readonly string[] {
  return [...new Set(placed.flatMap(({ placement }) => placement.target.def.renders ?? []))];
}

/** A cluster that is out of reach, or not there yet, is no reason not to write down what it would be given. */
function unasked(ports: ReturnType<typeof planPorts>): PlanPorts['live'] {
  return async (node): Promise<LiveChange> => {
    const { target, service } = placementOf(node, ports.options(node));
    return { target: target.target, service, action: 'create', changes: [], drift: [], url: undefined, token: '' };
  };
}

async function renderOne(
  workspace: Workspace,
  { node, placement }: Placed,
  wanted: WantedRelease | undefined,
  options: RenderOptions,
  signal: AbortSignal,
): Promise<readonly RenderedFile[]> {
  const { target, service } = placement;
  const format = options.format ?? target.def.renders?.[0];
  if (format === undefined || !target.def.render || !target.def.renders?.includes(format))
    throw failure('MF1240', `the target ${target.target} of ${service} cannot be rendered${format === undefined ? '' : ` as ${format}`}`, {
      hint: target.def.renders ? `It can be as: ${target.def.renders.join(', ')}.` : 'Its services cannot be written down as files.',
    });
  const what = wanted && (await workspace.store.artifacts.open(wanted.what));
  const revisions = wanted && what ? [{ stamp: wanted.stamp, weight: 100, what }] : [];
  const ctx = planPorts(workspace, signal).targetContext(target, signal, silentLog);
  const given = { profile: workspace.profile, ...(options.image === undefined ? {} : { image: options.image }) };
  const files = await target.def.render(ctx, { service, revisions }, format, given);
  if (files) return files;
  const from = deployedNode(workspace.graph, node) ?? node;
  throw failure('MF1206', `\`${from}\`, which ${service} is made of, has not been made yet as the configuration has it now`, {
    hint: `Run \`modelflow run --only ${from}\`.`,
  });
}

function print(files: readonly RenderedFile[]): void {
  const folders = new Set(files.map(({ path }) => dirname(path)));
  if (folders.size > 1)
    throw failure('MF1241', `these are ${files.length} files in ${folders.size} folders: ${files.map(({ path }) => path).join(', ')}`, {
      hint: 'Name a folder for them with --out.',
    });
  for (const { text } of files) process.stdout.write(printable(text));
}

/** Says on stdout which files it wrote. All are looked at before the first is written. */
function writeAll(files: readonly RenderedFile[], folder: string, cwd: string): void {
  const placed = files.map(({ path, text }) => ({ path: join(folder, path), text }));
  for (const { path, text } of placed) refuseForeign(path, text, cwd);
  for (const { path, text } of placed) {
    const name = relative(cwd, path);
    try {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    } catch (error) {
      throw failure('MF1242', `${name} cannot be written: ${error instanceof Error ? error.message : String(error)}`, {
        hint: 'Name another folder with --out.',
        cause: error,
      });
    }
    console.log(name);
  }
}

/** Only what was rendered is replaced: it begins with the same line. */
function refuseForeign(path: string, text: string, cwd: string): void {
  let before: string;
  try {
    before = readFileSync(path, 'utf8');
  } catch {
    return;
  }
  if (before === '' || firstLine(before) === firstLine(text)) return;
  throw failure('MF1242', `${relative(cwd, path)} is there already and was not rendered`, {
    hint: 'Nothing was written. Name another folder with --out.',
  });
}

function firstLine(text: string): string {
  return text.slice(0, text.indexOf('\n'));
}
