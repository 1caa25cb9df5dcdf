import type { ListenOptions, RunningServer } from './start.ts';

export * from './facts.ts';
export { halfToNumber, numberToHalf } from './half.ts';
export { decodeImage } from './image.ts';
export { type OpenModel, type OpenOptions, openModel, type Where } from './model.ts';
export { castTo, toNumbers, ValueError } from './numbers.ts';
export { readOpset } from './opset.ts';
export { postprocess, preprocess } from './processing.ts';
export { ModelLoadError, runtimeVersion } from './session.ts';
export type { ListenOptions, RunningServer } from './start.ts';
export { elementCount, isStrings, type Tensor, type TensorData, type Tensors } from './tensor.ts';
export { WorkerLostError } from './worker-session.ts';

/**
 * Serves a bundle or an ONNX file on a port. Throws a `ModelLoadError`, or the error of `listen` (EADDRINUSE, EACCES).
 * The HTTP side is loaded here and not with the door: who only evaluates, or plans, should not wait for it.
 */
export async function startServer(options: ListenOptions): Promise<RunningServer> {
  const { startServer: start } = await import('./start.ts');
  return start(options);
}
