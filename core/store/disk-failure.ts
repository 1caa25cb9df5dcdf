import { failure, ModelflowError } from '../spec/diagnostic.ts';

/** Says in the user's words what the operating system said in its own; what is no error of the system comes back as it is. */
export function storeFailure(error: unknown, path: string, verb: string): unknown {
  if (error instanceof ModelflowError) return error;
  const code = errorCode(error);
  if (code === undefined) return error;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return failure('MF6002', `no space left to ${verb} ${path}`, {
      hint: 'Make room on that disk and run again: what was finished is kept.',
      cause: error,
    });
  }
  if (code === 'EMFILE' || code === 'ENFILE') {
    return failure('MF6010', `cannot ${verb} ${path}: too many files are open`, {
      hint: 'Raise the limit (`ulimit -n`) or run with a smaller --concurrency: what was finished is kept.',
      cause: error,
    });
  }
  if (code === 'EIO') {
    return failure('MF6011', `cannot ${verb} ${path}: the disk reports an error (EIO)`, {
      hint: 'Look at the disk (`dmesg`) before you run again: what was finished is kept, and checked when it is read.',
      cause: error,
    });
  }
  return failure('MF6003', `cannot ${verb} ${path} (${code})`, {
    hint: 'Check that the folder of the store exists, is yours and can be written.',
    cause: error,
  });
}

export function errorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** What is asked of a path, or nothing where the path is not there: another process may remove what is being looked at. */
export function ifThere<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}
