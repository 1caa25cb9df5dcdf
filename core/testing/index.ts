export { fixture } from './fixture.ts';
export { type Check, stageSuite } from './stage-suite.ts';
export { type TargetSuite, targetSuite } from './target-suite.ts';
