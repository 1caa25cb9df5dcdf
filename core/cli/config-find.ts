import { existsSync, readdirSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { failure } from '../spec/diagnostic.ts';
import { nearest } from '../spec/nearest.ts';

const names = ['deploy.config.ts', 'deploy.config.mts', 'deploy.config.js', 'deploy.config.mjs'] as const;

/**
 * The configuration to use: `file` when one is named (a folder is looked into), otherwise the nearest one in `from` or above it,
 * not beyond the git repository that `from` lies in. Throws MF1001 when there is none.
 */
export function findConfig(given: { readonly from: string; readonly file?: string }): string {
  const from = resolve(given.from);
  return given.file === undefined ? searchUpwards(from) : named(resolve(from, given.file));
}

function named(file: string): string {
  if (isFile(file)) return file;
  const inside = isFolder(file) ? configIn(file) : undefined;
  if (inside) return inside;
  if (isFolder(file)) throw failure('MF1001', `no deploy.config.ts in ${file}`, { hint: 'Name the file with --config FILE.' });
  const near = isFolder(dirname(file)) ? nearest(basename(file), readdirSync(dirname(file))) : undefined;
  throw failure('MF1001', `the configuration ${file} does not exist`, {
    hint: near ? `Did you mean ${join(dirname(file), near)}?` : 'Name a file that exists with --config FILE.',
  });
}

function searchUpwards(from: string): string {
  let folder = from;
  for (;;) {
    const found = configIn(folder);
    if (found) return found;
    const above = dirname(folder);
    const isGitRoot = existsSync(join(folder, '.git'));
    if (isGitRoot || above === folder) {
      const where =
        folder === from ? from : `${from} or the folders above it, up to ${folder}${isGitRoot ? ' (the root of the git repository)' : ''}`;
      throw failure('MF1001', `no deploy.config.ts in ${where}`, {
        hint: 'Run `modelflow init` to write one, or name a file with --config FILE.',
      });
    }
    folder = above;
  }
}

function configIn(folder: string): string | undefined {
  return names.map((name) => join(folder, name)).find(isFile);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
