import { join, resolve } from 'node:path';
import { type Graph, graphOf } from '../plan/graph.ts';
import type { History } from '../plan/history.ts';
import { type Diagnostic, failure } from '../spec/diagnostic.ts';
import { nearest } from '../spec/nearest.ts';
import type { Policy } from '../spec/plan-policy.ts';
import { artifactFolder } from '../store/artifacts.ts';
import type { DigestMemory } from '../store/digest-memory.ts';
import { type Disk, realDisk } from '../store/disk.ts';
import { checkFormat } from '../store/format.ts';
import { runsFolder } from '../store/journal.ts';
import { listingFolder } from '../store/listings.ts';
import { resultFolder } from '../store/results.ts';
import { keptDigests } from './kept-digests.ts';
import { type LoadedConfig, loadConfig } from './load-config.ts';
import { pastOf } from './past.ts';
import { redactStreams, type Secrets, secretsOf } from './secrets.ts';
import type { Store } from './store.ts';

export type { Store } from './store.ts';

/** How a command was told where to look. */
export interface Where {
  readonly cwd: string;
  readonly config?: string;
  readonly profile?: string;
  /** Only the folder of this machine, whatever else the configuration names as the store. */
  readonly isLocal?: true;
}

/** A configuration, evaluated for a profile, and the store that belongs to it. Opening it changes nothing. */
export interface Workspace {
  readonly config: LoadedConfig;
  readonly profile: string;
  readonly graph: Graph;
  readonly policies: readonly Policy[];
  readonly warnings: readonly Diagnostic[];
  readonly store: Store;
  readonly secrets: Secrets;
  /** Of the user's files; shared by all that this command does. */
  readonly digests: DigestMemory;
}

export async function openWorkspace(where: Where): Promise<Workspace> {
  const config = await loadConfig({ from: where.cwd, ...(where.config === undefined ? {} : { file: where.config }) });
  const profile = where.profile ?? config.pipeline.profiles[0];
  const { wanted, policies, warnings } = await config.evaluate(profile);
  const graph = graphOf(wanted);
  const secrets = secretsOf(config.root, (redactor) => redactStreams([process.stdout, process.stderr], redactor));
  const local = openStore(storeRoot(config), `${config.pipeline.pipeline}/${profile}`);
  const remote = where.isLocal ? undefined : config.pipeline.remote;
  const opened = remote && (await (await import('./sharing/open.ts')).openShared(local, remote));
  return {
    config,
    profile,
    graph,
    policies,
    warnings: [...warnings, ...(opened?.warnings ?? [])],
    secrets,
    store: opened?.store ?? local,
    digests: keptDigests(config.root),
  };
}

function storeRoot(config: LoadedConfig): string {
  return resolve(config.root, process.env['MODELFLOW_STORE'] ?? config.pipeline.store);
}

/** `disk`: what everything durable of this store is written with. */
export function openStore(root: string, scope: string, disk: Disk = realDisk()): Store {
  checkFormat(root, disk);
  const quarantined: { digest: string; why: string }[] = [];
  let past: History | undefined;
  const runs = runsFolder(join(root, 'runs', scope), disk);
  return {
    root,
    scope,
    disk,
    artifacts: artifactFolder(root, disk, (digest, why) => quarantined.push({ digest, why })),
    results: resultFolder(root, disk),
    runs,
    listings: listingFolder(root, disk),
    quarantined,
    past: () => {
      past ??= pastOf(runs);
      return past;
    },
    sharing: undefined,
  };
}

/** The nodes that a word on the command line means: a node by its name, every node of a stage, or all of a group in what the configuration returns. */
export function named(graph: Graph, word: string): readonly string[] {
  const name = graph.aliases.get(word) ?? word;
  if (graph.byName.has(name)) return [name];
  const ofStage = graph.nodes.filter((node) => node.node.stage.name === word).map((node) => node.name);
  if (ofStage.length > 0) return ofStage;
  const inGroup = graph.nodes.filter((node) => node.isNamed && node.name.startsWith(`${word}.`)).map((node) => node.name);
  if (inGroup.length > 0) return inGroup;
  const known = [...graph.byName.keys(), ...graph.nodes.map((node) => node.node.stage.name)];
  const near = nearest(word, known);
  throw failure('MF1202', `there is no stage \`${word}\` in the pipeline`, {
    hint: near ? `Did you mean \`${near}\`?` : `The stages are: ${[...graph.byName.keys()].join(', ')}.`,
  });
}
