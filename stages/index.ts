export { bundle } from './bundle/index.ts';
export { dataset } from './dataset/index.ts';
export { type Deploy, deploy } from './deploy/index.ts';
export { local } from './deploy/targets/local.ts';
export * as metrics from './evaluate/metrics/index.ts';
export * from './kinds.ts';
