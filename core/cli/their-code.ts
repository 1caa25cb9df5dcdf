import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { diagnosticsOf } from '../engine/failure.ts';
import type { GraphNode } from '../plan/graph.ts';
import { type Diagnostic, ModelflowError } from '../spec/diagnostic.ts';
import type { AnyTarget, Target } from '../spec/target.ts';
import { packageRoot } from './package-root.ts';

/** Asks a stage or a target something outside of `run`: what it throws is a failure of its own and never looks like a bug of ours. */
export async function inTheirCode<T>(node: GraphNode, what: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    // Whoever stopped the command is told that it stopped.
    if (error instanceof ModelflowError || (error instanceof Error && error.name === 'AbortError')) throw error;
    const at = node.node.place();
    const diagnostics = diagnosticsOf(error, `\`${what}\` of ${node.node.stage.name}`, node.name);
    throw new ModelflowError(
      diagnostics.map((each) => ({ ...theirsAlone(each), ...(at ? { at } : {}) })),
      { cause: error },
    );
  }
}

/** None of it is in a log; and the frames that are ours tell nobody anything. */
function theirsAlone(diagnostic: Diagnostic): Diagnostic {
  if (diagnostic.code !== 'MF3001') return diagnostic;
  const ours = join(packageRoot(), 'dist') + sep;
  const detail = diagnostic.detail?.filter((line) => !line.includes(ours) && !line.includes(pathToFileURL(ours).href));
  return { ...diagnostic, hint: 'Its code threw this, not modelflow: what it talks to may be down.', ...(detail ? { detail } : {}) };
}

/** The same target, whose every answer is asked for `inTheirCode`. */
export function asTheirs(node: GraphNode, target: Target): Target {
  const { def } = target;
  const of = async <T>(method: string, signal: AbortSignal, ask: () => Promise<T>): Promise<T> =>
    inTheirCode(node, `${method} of ${target.target}`, ask).catch((error: unknown) => {
      throw signal.aborted && error instanceof ModelflowError && error.cause !== undefined ? error.cause : error;
    });
  const { logs } = def;
  const guarded: Partial<AnyTarget> = {
    check: (ctx, service) => of('check', ctx.signal, () => def.check(ctx, service)),
    read: (ctx, service) => of('read', ctx.signal, () => def.read(ctx, service)),
    apply: (ctx, want, have) => of('apply', ctx.signal, () => def.apply(ctx, want, have)),
    probe: (ctx, live) => of('probe', ctx.signal, () => def.probe(ctx, live)),
    remove: (ctx, service) => of('remove', ctx.signal, () => def.remove(ctx, service)),
    ...(logs && {
      async *logs(ctx, service, given) {
        const lines = await of('logs', ctx.signal, async () => logs.call(def, ctx, service, given)[Symbol.asyncIterator]());
        try {
          for (
            let next = await of('logs', ctx.signal, () => lines.next());
            !next.done;
            next = await of('logs', ctx.signal, () => lines.next())
          )
            yield next.value;
        } finally {
          await lines.return?.();
        }
      },
    }),
  };
  return { ...target, def: Object.create(def, Object.getOwnPropertyDescriptors(guarded)) as AnyTarget };
}
