import { rollBack, takeDown } from '../../engine/operations.ts';
import type { ServiceOperation } from '../../engine/service-operation.ts';
import type { ExitCode } from '../../spec/codes.ts';
import { failure, ModelflowError } from '../../spec/diagnostic.ts';
import type { NewEvent } from '../../spec/event.ts';
import { nearest } from '../../spec/nearest.ts';
import { enginePorts, placementOf } from '../engine-ports.ts';
import { leftBehind } from '../left-behind.ts';
import { packageManifest } from '../package-root.ts';
import { beginSession } from '../session.ts';
import { showDiagnostics } from '../show.ts';
import { openWorkspace, type Where } from '../workspace.ts';

export interface OperateOptions extends Where {
  /** Names of services; all of them when empty. */
  readonly services: readonly string[];
}

/** `modelflow rollback`. */
export async function rollbackCommand(
  options: OperateOptions & { readonly to: string | undefined },
  signal: AbortSignal,
): Promise<ExitCode> {
  return operate('rollback', options, signal, async (operation) => {
    const entry = await rollBack(operation, options.to);
    return `${operation.placement.service} serves release ${entry.release.stamp.slice(0, 12)} of ${entry.at} again`;
  });
}

/** `modelflow down`. */
export async function downCommand(options: OperateOptions, signal: AbortSignal): Promise<ExitCode> {
  return operate('down', options, signal, async (operation) => {
    await takeDown(operation);
    return `${operation.placement.service} is stopped`;
  });
}

/** Does something with each of the named services, with the right to, and journals who did it. That it fails for one is no reason to leave out the others. */
export async function operate(
  name: string,
  options: OperateOptions,
  signal: AbortSignal,
  act: (operation: ServiceOperation) => Promise<string>,
  isMeant: (of: Placed) => boolean = () => true,
): Promise<ExitCode> {
  const workspace = await openWorkspace(options);
  await showDiagnostics(workspace.warnings);
  const { config, profile, graph } = workspace;
  const session = beginSession(workspace);
  try {
    const ports = enginePorts(workspace, { ...session, reporters: [], signal });
    const emit = async (event: NewEvent): Promise<void> => void (await session.journal.append(event));
    const began = Date.now();
    const deploying = graph.nodes
      .filter((node) => node.node.stage.deploys)
      .map((node) => ({ node: node.name, placement: placementOf(node, ports.options(node)) }));
    const isKnown = (word: string): boolean => deploying.some(({ node, placement }) => word === node || word === placement.service);
    // By name also what the configuration names no more: nothing else would lead out of a rollout of it.
    const stray = name === 'down' || !options.services.every(isKnown) ? await leftBehind(workspace, signal) : [];
    const chosen = choose([...deploying, ...stray], options.services).filter((each) => options.services.length > 0 || isMeant(each));
    await emit({
      type: 'operation-started',
      run: session.run,
      pipeline: config.pipeline.pipeline,
      profile,
      modelflow: packageManifest().version,
      operation: name,
      by: session.origin.by,
      commit: session.origin.commit,
    });
    const log = { info: (line: string) => console.error(line), warn: (line: string) => console.error(line), progress: () => undefined };
    const failures: unknown[] = [];
    for (const each of chosen) {
      if (signal.aborted) break;
      await act({ ...each, ports, signal, log, emit }).then(
        (line) => console.log(line),
        async (error: unknown) => {
          // The first one is told by whoever called.
          if (failures.push(error) > 1 && error instanceof ModelflowError) await showDiagnostics(error.diagnostics);
        },
      );
    }
    await emit({ type: 'run-ended', outcome: failures.length > 0 ? 'failed' : 'ok', durationMs: Date.now() - began });
    if (failures.length > 0) throw failures[0];
    return 0;
  } finally {
    await session.end(signal);
  }
}

/** A node that deploys, and where. */
export type Placed = Pick<ServiceOperation, 'node' | 'placement'>;

/** Those that the words name; all without words. */
export function choose(deploying: readonly Placed[], words: readonly string[]): readonly Placed[] {
  for (const word of words) {
    if (deploying.some((each) => each.placement.service === word || each.node === word)) continue;
    const near = nearest(
      word,
      deploying.map((each) => each.placement.service),
    );
    throw failure('MF1202', `there is no service \`${word}\` in the pipeline`, {
      hint: near ? `Did you mean \`${near}\`?` : `The services are: ${deploying.map((each) => each.placement.service).join(', ')}.`,
    });
  }
  return words.length === 0 ? deploying : deploying.filter((each) => words.includes(each.placement.service) || words.includes(each.node));
}
