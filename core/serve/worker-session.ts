import { Worker } from 'node:worker_threads';
import { ModelLoadError, type Session, silenceTelemetry } from './session.ts';
import type { Tensors } from './tensor.ts';
import { packed, type WorkerReply, type WorkerRequest, type WorkerTask } from './worker-message.ts';

/** The thread that ran the model is gone; what it was running is lost. */
export class WorkerLostError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'WorkerLostError';
  }
}

/** A session whose runs stop another thread, not this one. */
export interface WorkerSession extends Session {
  /** Resolves when the thread ends without having been closed. */
  readonly lost: Promise<WorkerLostError>;
}

interface Waiting {
  resolve(outputs: Tensors): void;
  reject(error: Error): void;
}

/** Loads a model into a worker thread of its own. Throws a `ModelLoadError` as `createSession` does. */
export async function createWorkerSession(path: string, threads: number): Promise<WorkerSession> {
  silenceTelemetry();
  const task: WorkerTask = { path, threads };
  // Options of the process (--eval, --input-type, --import) are for its own entry.
  const worker = new Worker(workerFile(), { workerData: task, name: 'inference', execArgv: [] });
  const waiting = new Map<number, Waiting>();
  const ended = watch(worker, waiting);
  const { signature, omittedOutputs } = await firstReply(worker, path);
  worker.on('message', (reply: WorkerReply) => settle(reply, waiting));
  // Set when no message may be sent any more: a thread that is gone never answers.
  let refusal: WorkerLostError | undefined;
  let nextId = 0;
  const lost = new Promise<WorkerLostError>((resolve) => {
    void ended.then((error) => {
      if (refusal === undefined) resolve(error);
      refusal ??= error;
    });
  });
  const send = (request: WorkerRequest, buffers: readonly ArrayBuffer[] = []): void => worker.postMessage(request, buffers);
  return {
    signature,
    omittedOutputs,
    lost,
    run: (inputs) =>
      new Promise((resolve, reject) => {
        if (refusal !== undefined) throw refusal;
        const id = nextId++;
        const { tensors, buffers } = packed(inputs);
        waiting.set(id, { resolve, reject });
        send({ type: 'run', id, inputs: tensors }, buffers);
      }),
    close: async () => {
      refusal ??= new WorkerLostError('the model is closed');
      // It ends by itself after what it is running: to terminate a thread in the middle of a native run aborts the whole process.
      send({ type: 'close' });
      await ended;
    },
  };
}

/** From source Node runs the .ts file, built it is the .js file beside this one. */
function workerFile(): URL {
  return new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);
}

/** Resolves when the thread is gone; every run that waits is then rejected. */
function watch(worker: Worker, waiting: Map<number, Waiting>): Promise<WorkerLostError> {
  return new Promise((resolve) => {
    let cause: unknown;
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', (code) => {
      const why = cause instanceof Error ? cause.message : `exit code ${code}`;
      const error = new WorkerLostError(`the inference thread ended: ${why}`, cause === undefined ? undefined : { cause });
      for (const { reject } of waiting.values()) reject(error);
      waiting.clear();
      resolve(error);
    });
  });
}

function firstReply(worker: Worker, path: string): Promise<Extract<WorkerReply, { readonly type: 'loaded' }>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number): void => reject(new ModelLoadError(`${path}: the thread that loaded it ended with code ${code}`));
    const onError = (error: unknown): void => {
      const why = error instanceof Error ? error.message : String(error);
      reject(new ModelLoadError(`${path}: the thread that loaded it failed: ${why}`, { cause: error }));
    };
    worker.once('exit', onExit);
    worker.once('error', onError);
    worker.once('message', (reply: WorkerReply) => {
      worker.off('exit', onExit);
      worker.off('error', onError);
      if (reply.type === 'loaded') resolve(reply);
      else reject(new ModelLoadError(reply.type === 'failed' ? reply.message : `${path}: unexpected reply ${reply.type}`));
    });
  });
}

function settle(reply: WorkerReply, waiting: Map<number, Waiting>): void {
  if (reply.type !== 'done' && reply.type !== 'refused') return;
  const run = waiting.get(reply.id);
  waiting.delete(reply.id);
  if (reply.type === 'done') run?.resolve(reply.outputs);
  else run?.reject(new Error(reply.message));
}
