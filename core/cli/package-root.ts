import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the running package, with package.json and templates/: the same from source and from dist. */
export function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error(`no package.json above ${fileURLToPath(import.meta.url)}`);
    folder = above;
  }
  return folder;
}

/** The running package's own package.json. */
export function packageManifest(): {
  readonly version: string;
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
} {
  return JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8'));
}
