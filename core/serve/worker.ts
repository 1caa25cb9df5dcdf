import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createSession, reason } from './session.ts';
import { packed, type RunRequest, type WorkerReply, type WorkerTask } from './worker-message.ts';

if (parentPort !== null) await serveRuns(parentPort, workerData as WorkerTask);

/** The thread that a slow model lives in: it loads the model and runs what it is sent, one message after the other. */
async function serveRuns(port: MessagePort, task: WorkerTask): Promise<void> {
  const reply = (message: WorkerReply, buffers: readonly ArrayBuffer[] = []): void => port.postMessage(message, buffers);
  try {
    const session = await createSession(task.path, task.threads);
    port.on('message', async ({ id, inputs }: RunRequest) => {
      try {
        const { tensors, buffers } = packed(await session.run(inputs));
        reply({ type: 'done', id, outputs: tensors }, buffers);
      } catch (cause) {
        reply({ type: 'refused', id, message: reason(cause) });
      }
    });
    reply({ type: 'loaded', signature: session.signature, omittedOutputs: session.omittedOutputs });
  } catch (cause) {
    reply({ type: 'failed', message: reason(cause) });
    port.close();
  }
}
