import { z } from 'zod';

/** A file or folder of the user's, named in the configuration. It enters the fingerprint by its bytes, never by its path. */
export interface Source {
  readonly source: 'file' | 'folder';
  /** As written in the configuration; inside a stage it is absolute. */
  readonly path: string;
}

/** An option that names a file, relative to the folder of the configuration. */
export function file(): z.ZodPipe<z.ZodString, z.ZodTransform<Source, string>> {
  return z
    .string()
    .min(1)
    .transform((path): Source => ({ source: 'file', path }));
}

/** An option that names a folder, relative to the folder of the configuration. */
export function folder(): z.ZodPipe<z.ZodString, z.ZodTransform<Source, string>> {
  return z
    .string()
    .min(1)
    .transform((path): Source => ({ source: 'folder', path }));
}

export function isSource(value: unknown): value is Source {
  if (typeof value !== 'object' || value === null) return false;
  const bag = value as Readonly<Record<string, unknown>>;
  return (bag['source'] === 'file' || bag['source'] === 'folder') && typeof bag['path'] === 'string' && Object.keys(bag).length === 2;
}
