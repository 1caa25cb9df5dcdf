import { failure, ModelflowError } from '../spec/diagnostic.ts';

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'it may not be written',
  EPERM: 'it may not be written',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a file stands in its place',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
};

/** Turns what the disk says about the cache folder into MF3202; everything else comes back as it is. */
export function cacheFailure(error: unknown, cacheFolder: string): unknown {
  if (error instanceof ModelflowError || !(error instanceof Error) || !('code' in error)) return error;
  const reason = reasons[String(error.code)];
  if (reason === undefined) return error;
  return failure('MF3202', `The cache folder ${cacheFolder} cannot be used: ${reason}`, {
    hint: isFull(String(error.code))
      ? 'Make room there, or set MODELFLOW_CACHE to a folder on another disk.'
      : 'Set MODELFLOW_CACHE to a folder that can be written.',
    detail: [error.message],
    cause: error,
  });
}

/** Does a text (an error code, the last lines of a program) say that there is no room left? */
export function isFull(text: string): boolean {
  return /\bENOSPC\b|\bEDQUOT\b|No space left on device|Disk quota exceeded/i.test(text);
}
