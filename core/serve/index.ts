export * from './facts.ts';
export type { Tensor, TensorData } from './tensor.ts';
