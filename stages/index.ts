export { dataset } from './dataset/index.ts';
export * from './kinds.ts';
