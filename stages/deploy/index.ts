import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type ArtifactKind,
  type CommonOptions,
  defineStage,
  failure,
  isStrategy,
  isTarget,
  isUsableName,
  type Ref,
  type Strategy,
  type Target,
  z,
} from '../../core/index.ts';
import { Deployment } from '../kinds.ts';

/** Puts something live. `what` must be of a kind that the target runs: the compiler checks it, and the stage does again. */
export type Deploy = <K extends ArtifactKind>(
  given: {
    readonly what: Ref<NoInfer<K>>;
    readonly service: string;
    readonly target: Target<K>;
    readonly strategy?: Strategy;
  } & CommonOptions,
) => Ref<typeof Deployment>;

const anyKind: readonly ArtifactKind[] = [];

/** Makes a service live on a target and says where it is. The engine does the rollout; this writes down what came of it. */
export const deploy: Deploy = defineStage({
  name: 'deploy',
  version: 1,
  inputs: { what: anyKind },
  options: {
    service: z
      .string()
      .refine(isUsableName, 'Use letters, digits, dot, dash and underscore, beginning with a letter or digit')
      .describe('its name'),
    target: z.custom<Target>(isTarget, 'Expected a target, such as local({ port: 8080 })').describe('where it runs'),
    strategy: z
      .custom<Strategy>(isStrategy, 'Expected a strategy, such as canary({ steps: [5, 50] })')
      .optional()
      .describe('how it takes over from the release before: `rolling()`, `blueGreen()`, `canary()` or `shadow()`; rolling unless given'),
  },
  output: Deployment,
  manner: ['strategy'],
  deploys: ({ target, service, strategy }) => ({ target, service, slot: 'what', ...(strategy ? { strategy } : {}) }),
  async run({ options, out, live }) {
    const revision = live?.revisions.find(({ weight }) => weight > 0);
    if (live?.url === undefined || revision === undefined)
      throw failure('MF5001', `\`${options.service}\` is not live on ${options.target.target} after it was deployed`, {
        hint: 'Run again.',
      });
    const facts = {
      service: options.service,
      target: options.target.target,
      url: live.url,
      stamp: revision.stamp ?? '',
      revision: revision.id,
    };
    await writeFile(join(out, 'deployment.json'), `${JSON.stringify(facts, null, 2)}\n`);
    return facts;
  },
});
