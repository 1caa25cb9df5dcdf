import { makeRig, type Rig } from './rig.ts';

/** Beside the configuration: `stage(name, run, more)` makes a stage in a line, `kept` one that is made of what it is given as facts. */
const module = `
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineArtifact, defineStage, z } from 'modelflow';
export const Anything = defineArtifact('anything', z.looseObject({}));
// Whoever calls a factory counts as code of the stage. A test changes its configuration to see what else that does, so the call comes from too deep for that.
const deep = (act: () => any, left = 200): any => (left === 0 ? act() : deep(act, left - 1));
export const stage = (name: string, run: (context: any) => Promise<any>, more: object = {}): any =>
  deep(() => defineStage({ name, version: 1, inputs: {}, options: {}, output: Anything, run, ...more } as any));
export const kept = (facts: object) => stage('kept', async ({ out }) => { writeFileSync(join(out, 'a.txt'), 'a'); return facts; })({});
`;

const imports = `
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { all, any, atLeast, atMost, defineArtifact, definePipeline, defineStage, defineTarget, dropAtMost, failure, file, folder, many, matrix, ModelflowError, must, optional, secret, secretText, z } from 'modelflow';
import { Anything, kept, stage } from './stages';
`;

/** A pipeline whose `build` has this body, with everything of modelflow and of `node:fs` that a test may want at hand. */
export const pipelineOf = (build: string): string =>
  `${imports}export default definePipeline({ name: 'own', profiles: ['dev', 'other'], build: ({ profile }) => { ${build} } });\n`;

export function ownStages(build: string, files: Readonly<Record<string, string>> = {}): Rig {
  return makeRig({ 'stages.ts': module, 'deploy.config.ts': pipelineOf(build), ...files });
}
