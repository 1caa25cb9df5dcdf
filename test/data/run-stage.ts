import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Artifact, type ArtifactKind, type Log, z } from 'modelflow';
import { processRunner } from '../../core/world/process.ts';
import { realPython } from '../evaluate/python.ts';

interface AnyStage<F> {
  readonly def: {
    readonly output: ArtifactKind<string, F>;
    readonly options: z.ZodRawShape;
    run(context: never): Promise<unknown>;
  };
}

export interface StageRun<F> {
  readonly artifact: Artifact<ArtifactKind<string, F>>;
  /** What the stage said. */
  readonly said: readonly string[];
}

/** Run a stage as the engine does: parsed options, an empty folder, real processes and Python, facts checked by the schema of the kind. */
export async function runStage<F>(
  stage: AnyStage<F>,
  inputs: Readonly<Record<string, Artifact>>,
  options: Readonly<Record<string, unknown>>,
): Promise<StageRun<F>> {
  const out = await mkdtemp(join(tmpdir(), 'modelflow-stage-'));
  const said: string[] = [];
  const log: Log = { info: (line) => said.push(line), warn: (line) => said.push(line), progress: () => undefined };
  const signal = new AbortController().signal;
  const context = {
    inputs,
    options: z.strictObject(stage.def.options).parse(options),
    out,
    signal,
    log,
    process: processRunner({ signal }),
    python: realPython(),
  };
  const facts = stage.def.output.facts.parse(await stage.def.run(context as never));
  return { artifact: { kind: stage.def.output.name, digest: '0'.repeat(64), path: out, sizeBytes: 0, facts }, said };
}
