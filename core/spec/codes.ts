export type { CodeEntry, ExitCode } from './code-entry.ts';

import { configCodes } from './codes-config.ts';
import { stageCodes } from './codes-stage.ts';
import { worldCodes } from './codes-world.ts';

/** Every diagnostic there is. A code is permanent: it is never given another meaning, and never used again. */
export const codes = { ...configCodes, ...stageCodes, ...worldCodes } as const;

export type Code = keyof typeof codes;
