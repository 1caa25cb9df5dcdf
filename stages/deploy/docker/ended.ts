import { Readable } from 'node:stream';
import { failure, type ModelflowError } from '../../../core/index.ts';
import type { Engine } from '../../lib/docker.ts';
import { linesOf } from './frames.ts';

const shownLines = 20;

/** Why a container does not run, with the last it said; undefined while it does. */
export async function whyEnded(engine: Engine, id: string, signal: AbortSignal): Promise<ModelflowError | undefined> {
  const container = engine.api.getContainer(id);
  const { Name, State, HostConfig, RestartCount } = await container.inspect({ abortSignal: signal });
  const name = Name.slice(1);
  const isLooping = State.Restarting || (State.Running && RestartCount > 0 && startedWithin(State.StartedAt, 10_000));
  if (State.Running && !isLooping) return undefined;
  const detail = await lastLines(engine, id, signal);
  if (State.OOMKilled) {
    const limit = HostConfig.Memory ? `its limit of ${Math.round(HostConfig.Memory / 2 ** 20)} MiB` : 'what the machine has';
    return failure('MF5207', `the container ${name} was killed for want of memory: it used more than ${limit}`, {
      hint: 'Give the target more `memory`, or deploy a smaller model.',
      detail,
    });
  }
  const times = RestartCount > 0 ? `, ${RestartCount + 1} times by now` : '';
  const why = State.Error ? `: ${State.Error}` : '';
  return failure('MF5206', `the container ${name} ended with exit code ${State.ExitCode}${meaningOf(State.ExitCode)}${times}${why}`, {
    hint: detail.length === 0 ? 'It said nothing before. Does the image hold a server for this model?' : 'Its last lines say why.',
    detail,
  });
}

function startedWithin(at: string, ms: number): boolean {
  return Date.now() - Date.parse(at) < ms;
}

function meaningOf(code: number): string {
  const known: Readonly<Record<number, string>> = {
    125: ' (the engine could not run it)',
    126: ' (its program may not be run)',
    127: ' (its program was not found)',
    137: ' (killed)',
    139: ' (crashed: invalid memory access)',
    143: ' (stopped)',
  };
  return known[code] ?? '';
}

/** The last lines of a container, whether it runs or not. */
export async function lastLines(engine: Engine, id: string, signal: AbortSignal): Promise<readonly string[]> {
  const lines: string[] = [];
  try {
    const all = await engine.api
      .getContainer(id)
      .logs({ stdout: true, stderr: true, follow: false, tail: shownLines, abortSignal: signal });
    for await (const line of linesOf(Readable.from([all]))) lines.push(line);
  } catch {
    // A log driver that cannot be read from is no reason to hide the exit code.
  }
  return lines.slice(-shownLines);
}
