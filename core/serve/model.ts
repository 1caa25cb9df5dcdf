import { stat } from 'node:fs/promises';
import type { Signature } from './facts.ts';
import { readOpset } from './opset.ts';
import { createSession, ModelLoadError, type Session } from './session.ts';
import type { Tensors } from './tensor.ts';
import { warmUp, withRanks } from './warm-up.ts';
import { createWorkerSession, type WorkerLostError } from './worker-session.ts';

/** `auto`: measured at load; a model above a millisecond a run gets a worker thread. */
export type Where = 'auto' | 'main' | 'worker';

export interface OpenOptions {
  /** Threads that one run may use; 1 unless given. */
  readonly threads?: number;
  readonly where?: Where;
}

/** A model that is loaded, warm, and ready to run. */
export interface OpenModel {
  readonly signature: Signature;
  /** Of the default domain; undefined when the file names none. */
  readonly opset: number | undefined;
  /** The thread that its runs take. */
  readonly where: 'main' | 'worker';
  /** The quickest warm-up run of one row; undefined when the model refused made-up inputs. */
  readonly quickestMs: number | undefined;
  /** Outputs that are no tensors and are left out of the signature. */
  readonly omittedOutputs: readonly string[];
  /** Resolves when the model's thread died by itself; every run fails from then on. */
  readonly lost: Promise<WorkerLostError>;
  /** The inputs stay the caller's. Rejects with what the runtime says when they do not fit. */
  run(inputs: Tensors): Promise<Tensors>;
  close(): Promise<void>;
}

/** Above this a run would hold up the thread's other work noticeably. */
const tinyRunMs = 1;

/** A file up to this size loads in some milliseconds, so it is measured where a tiny model will stay. */
const smallFileBytes = 4 * 1024 * 1024;

/** Loads an ONNX model, warms it up and decides where it runs. Throws a `ModelLoadError` that says which file and why. */
export async function openModel(path: string, options: OpenOptions = {}): Promise<OpenModel> {
  const { threads = 1, where = 'auto' } = options;
  const sizeBytes = await modelSize(path);
  const opset = await readOpset(path);
  const first = where === 'auto' ? (sizeBytes <= smallFileBytes ? 'main' : 'worker') : where;
  const opened = await openAt(first, path, threads, opset);
  if (where !== 'auto') return opened;
  const better = opened.quickestMs !== undefined && opened.quickestMs <= tinyRunMs ? 'main' : 'worker';
  if (better === first) return opened;
  await opened.close();
  return openAt(better, path, threads, opset);
}

async function openAt(where: 'main' | 'worker', path: string, threads: number, opset: number | undefined): Promise<OpenModel> {
  const session: Session & { readonly lost?: Promise<WorkerLostError> } =
    where === 'main' ? await createSession(path, threads) : await createWorkerSession(path, threads);
  try {
    const { quickestMs, shapes } = await warmUp(session.signature, session.run);
    return {
      signature: withRanks(session.signature, shapes),
      opset,
      where,
      quickestMs,
      omittedOutputs: session.omittedOutputs,
      // A model on this thread cannot be lost without this thread.
      lost: session.lost ?? new Promise(() => {}),
      run: session.run,
      close: session.close,
    };
  } catch (cause) {
    await session.close();
    throw new ModelLoadError(`${path} could not be warmed up: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

async function modelSize(path: string): Promise<number> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new ModelLoadError(`${path} is not a file`);
    if (found.size === 0) throw new ModelLoadError(`${path} is empty`);
    return found.size;
  } catch (cause) {
    if (cause instanceof ModelLoadError) throw cause;
    throw new ModelLoadError(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
