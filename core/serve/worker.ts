import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createSession, reason, type Session } from './session.ts';
import { unreachable } from './tensor.ts';
import { packed, type WorkerReply, type WorkerRequest, type WorkerTask } from './worker-message.ts';

if (parentPort !== null) await serveRuns(parentPort, workerData as WorkerTask);

/** The thread that a slow model lives in: it loads the model and does what it is sent, one message after the other. */
async function serveRuns(port: MessagePort, task: WorkerTask): Promise<void> {
  const reply: Reply = (message, buffers = []) => port.postMessage(message, buffers);
  let session: Session;
  try {
    session = await createSession(task.path, task.threads);
  } catch (cause) {
    reply({ type: 'failed', message: reason(cause) });
    port.close();
    return;
  }
  let last: Promise<void> = Promise.resolve();
  port.on('message', (request: WorkerRequest) => {
    last = last.then(() => obey(session, request, port, reply));
  });
  reply({ type: 'loaded', signature: session.signature, omittedOutputs: session.omittedOutputs });
}

type Reply = (message: WorkerReply, buffers?: readonly ArrayBuffer[]) => void;

async function obey(session: Session, request: WorkerRequest, port: MessagePort, reply: Reply): Promise<void> {
  switch (request.type) {
    case 'run':
      try {
        const { tensors, buffers } = packed(await session.run(request.inputs));
        reply({ type: 'done', id: request.id, outputs: tensors }, buffers);
      } catch (cause) {
        reply({ type: 'refused', id: request.id, message: reason(cause) });
      }
      return;
    case 'close':
      await session.close();
      port.close();
      return;
    default:
      unreachable(request);
  }
}
