import { type Command, InvalidArgumentError } from 'commander';
import type { ExitCode } from '../../spec/codes.ts';
import type { Where } from '../workspace.ts';

/** What a group of commands is declared with. */
export interface CommandScope {
  readonly program: Command;
  where(): Where;
  readonly signal: AbortSignal;
  done(code: ExitCode): void;
}

/** An empty one fits everything: a variable that was not set must not approve whatever there is. */
export function fingerprintStart(text: string): string {
  if (/^[0-9a-f]{4,64}$/.test(text)) return text;
  throw new InvalidArgumentError('at least the first four hexadecimal digits of a fingerprint are wanted.');
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 is wanted.');
  return value;
}

export function portNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535) throw new InvalidArgumentError('a port from 0 to 65535 is wanted.');
  return value;
}
