export type { CodeEntry, ExitCode } from './code-entry.ts';

import { configCodes } from './codes-config.ts';
import { dockerCodes } from './codes-docker.ts';
import { imageCodes } from './codes-image.ts';
import { kubernetesCodes } from './codes-kubernetes.ts';
import { registryCodes } from './codes-registry.ts';
import { rolloutCodes } from './codes-rollout.ts';
import { stageCodes } from './codes-stage.ts';
import { worldCodes } from './codes-world.ts';

/** Every diagnostic there is. A code is permanent: it is never given another meaning, and never used again. */
export const codes = {
  ...configCodes,
  ...stageCodes,
  ...worldCodes,
  ...imageCodes,
  ...registryCodes,
  ...dockerCodes,
  ...kubernetesCodes,
  ...rolloutCodes,
} as const;

export type Code = keyof typeof codes;
