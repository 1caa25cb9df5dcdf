export { dataset } from './dataset/index.ts';
export * as metrics from './evaluate/metrics/index.ts';
export * from './kinds.ts';
