import { existsSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { columns } from '../../report/format.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { ModelflowError } from '../../spec/diagnostic.ts';
import { userCacheFolder } from '../../world/cache-folder.ts';
import { describePython } from '../../world/describe-python.ts';
import { processRunner } from '../../world/process.ts';
import { placementOf, planPorts } from '../engine-ports.ts';
import { packageManifest } from '../package-root.ts';
import { lockHolder } from '../session.ts';
import { silentLog } from '../show.ts';
import type { Store } from '../store.ts';
import { openWorkspace, type Where, type Workspace } from '../workspace.ts';

/** One thing that was looked at. `problem`: some stages will not run; `note`: good to know. */
export interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'note' | 'problem';
  readonly text: string;
}

const lowSpaceBytes = 4e9;

/** `modelflow doctor`: looks at everything that stages may need, and changes nothing. Exit code 8 when something is missing. */
export async function doctorCommand(options: Where & { readonly json: boolean }, signal: AbortSignal): Promise<ExitCode> {
  const findings = [nodeFinding(), ...(await configFindings(options, signal)), ...(await pythonFindings(signal))];
  if (options.json) console.log(JSON.stringify(findings, undefined, 2));
  else console.log(columns(findings.map(({ what, state, text }) => [state, what, text])).join('\n'));
  return findings.some((finding) => finding.state === 'problem') ? 8 : 0;
}

function nodeFinding(): Finding {
  return {
    what: 'modelflow',
    state: 'ok',
    text: `${packageManifest().version} on Node ${process.versions.node}, ${process.platform}-${process.arch}`,
  };
}

async function configFindings(where: Where, signal: AbortSignal): Promise<readonly Finding[]> {
  try {
    const workspace = await openWorkspace(where);
    const { config, store, graph } = workspace;
    const holder = lockHolder(store);
    return [
      { what: 'configuration', state: 'ok', text: `${config.file}: ${config.pipeline.pipeline}, ${graph.nodes.length} stages` },
      spaceFinding(store.root),
      ...quarantineFinding(store),
      ...(holder
        ? [{ what: 'lock', state: 'note', text: `held by process ${holder.pid} since ${holder.since} (${holder.command})` } as const]
        : []),
      ...(await targetFindings(workspace, signal)),
    ];
  } catch (error) {
    if (!(error instanceof ModelflowError)) throw error;
    const none = error.diagnostics.some((each) => each.code === 'MF1001');
    return [{ what: 'configuration', state: none ? 'note' : 'problem', text: error.message.split('\n')[0] ?? '' }];
  }
}

/** Each target is asked whether it could take its service now. */
async function targetFindings(workspace: Workspace, signal: AbortSignal): Promise<readonly Finding[]> {
  const ports = planPorts(workspace, signal);
  const deploying = workspace.graph.nodes.filter((node) => node.node.stage.deploys);
  const found = await Promise.all(
    deploying.map(async (node): Promise<readonly Finding[]> => {
      const { target, service } = placementOf(node, ports.options(node));
      const what = `target ${target.target}`;
      const problems = await target.def.check(ports.targetContext(target, signal, silentLog), service).catch((error: unknown) => {
        if (!(error instanceof ModelflowError)) throw error;
        return error.diagnostics;
      });
      if (problems.length === 0) return [{ what, state: 'ok', text: `could take ${service}` }];
      return problems.map(({ severity, code, message, hint }) => ({
        what,
        state: severity === 'error' ? 'problem' : 'note',
        text: `${service}: ${code}: ${message}${hint === undefined ? '' : ` ${hint}`}`,
      }));
    }),
  );
  return found.flat();
}

function quarantineFinding({ root, disk }: Store): readonly Finding[] {
  const damaged = disk.list(join(root, 'quarantine')).length;
  if (damaged === 0) return [];
  return [
    {
      what: 'quarantine',
      state: 'note',
      text: `${damaged} damaged ${damaged === 1 ? 'artifact was' : 'artifacts were'} set aside; \`modelflow cache gc\` removes them`,
    },
  ];
}

function spaceFinding(store: string): Finding {
  let folder = store;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  return { what: 'disk', state: freeBytes < lowSpaceBytes ? 'note' : 'ok', text: `${(freeBytes / 1e9).toFixed(1)} GB free for ${store}` };
}

async function pythonFindings(signal: AbortSignal): Promise<readonly Finding[]> {
  const found = await describePython({ process: processRunner({ signal }), env: process.env, cacheFolder: userCacheFolder() });
  const python: Finding = found.python
    ? { what: 'Python', state: 'ok', text: `${found.python.version} at ${found.python.executable}` }
    : {
        what: 'Python',
        state: 'problem',
        text: 'no Python 3.11, 3.12 or 3.13; export and quantization need one. Install it, or name it in MODELFLOW_PYTHON',
      };
  const uv: Finding = found.uv
    ? { what: 'uv', state: 'ok', text: `${found.uv.version} at ${found.uv.path}` }
    : { what: 'uv', state: 'note', text: 'will be installed into the cache when it is first needed' };
  const environments = found.environments.map(
    (each): Finding => ({
      what: 'environment',
      state: each.state === 'ready' ? 'ok' : 'note',
      text: `${each.path}: ${each.state}, ${(each.sizeBytes / 1e6).toFixed(0)} MB`,
    }),
  );
  return [python, uv, ...environments];
}
