import { inspect } from 'node:util';
import { codes } from '../spec/codes.ts';
import { type Diagnostic, failure, ModelflowError } from '../spec/diagnostic.ts';

/** The run was asked to stop. Not a failure of the stage that was running. */
export class Stopped extends Error {
  constructor() {
    super('stopped');
    this.name = 'Stopped';
  }
}

/** What a stage threw, in the words of diagnostics; `stage` and `node` say whose it is. */
export function diagnosticsOf(error: unknown, stage: string, node: string): readonly Diagnostic[] {
  if (error instanceof ModelflowError) return wholeOf(error.diagnostics, stage, node);
  if (isNoSpace(error)) {
    return failure('MF6002', `no space left while \`${node}\` (${stage}) was writing`, {
      hint: 'Make room on the disk of the store and run again: what was finished is kept.',
    }).diagnostics;
  }
  const message = error instanceof Error ? error.message : inspect(error, { depth: 1 });
  const stack =
    error instanceof Error
      ? (error.stack ?? '')
          .split('\n')
          .slice(1, 6)
          .map((line) => line.trim())
      : [];
  return [
    {
      code: 'MF3001',
      severity: 'error',
      message: `\`${node}\` (${stage}) failed: ${message}`,
      hint: 'See `modelflow logs` for all it said.',
      detail: stack,
    },
  ];
}

/** A stage of a third party may throw no error at all, or a code of its own: it failed all the same. */
function wholeOf(given: readonly Diagnostic[], stage: string, node: string): readonly Diagnostic[] {
  const known = given.map(
    (each): Diagnostic => (each.code in codes ? each : { ...each, code: 'MF3001', message: `${each.code}: ${each.message}` }),
  );
  if (known.some((each) => each.severity === 'error')) return known;
  return [...failure('MF3001', `\`${node}\` (${stage}) failed and gave no reason`).diagnostics, ...known];
}

/** Full disks are reported by whatever wrote last: Node by its code, a child by its words. */
function isNoSpace(error: unknown): boolean {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 5; at = at.cause, depth++) {
    if ('code' in at && (at.code === 'ENOSPC' || at.code === 'EDQUOT')) return true;
    if (/no space left on device|ENOSPC/i.test(at.message)) return true;
  }
  return false;
}
