import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { sha256 } from '../plan/canonical.ts';
import type { NoteListing } from '../store/listings.ts';
import { existingFile, type ImportRecord } from './config-hooks.ts';

/**
 * The digest of modules of the user's and of all they import, transitively: files by their bytes and their place beside the first of them,
 * packages by name and version. modelflow's own files are left out: its stages have versions.
 * A dynamic import counts when it names a relative path in plain text. `note` is told the text that the digest is of.
 */
export function codeDigest(files: readonly [string, ...string[]], record: ImportRecord, note?: NoteListing): string {
  const text = codeLines(files, record).join('\n');
  const digest = sha256(text);
  note?.(digest, text);
  return digest;
}

/** The same, part by part: `file <path>` → sha256, `package <name>` → version. */
export function codeParts(file: string, record: ImportRecord): Readonly<Record<string, string>> {
  return Object.fromEntries(
    codeLines([file], record).map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]),
  );
}

function codeLines(files: readonly [string, ...string[]], record: ImportRecord): readonly string[] {
  const folder = dirname(realpathSync(files[0]));
  const lines = new Set<string>();
  const seen = new Set(files.map((file) => pathToFileURL(realpathSync(file)).href));
  const queue = [...seen];
  for (let at = 0; at < queue.length; at++) {
    const module = queue[at] as string;
    const path = fileURLToPath(module);
    if (!record.isUsers(module)) {
      lines.add(packageLine(module));
      continue;
    }
    lines.add(`file ${relative(folder, path)} ${record.digests.get(module) ?? sha256(readFileSync(path))}`);
    for (const next of importsOf(module, record)) {
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return [...lines].sort();
}

function importsOf(url: string, record: ImportRecord): readonly string[] {
  const recorded = [...(record.imports.get(url) ?? [])];
  return [...recorded, ...namedInText(url)].filter((found) => found.startsWith('file:') && !record.own.owns(found));
}

/** `import('./later.ts')` has not run yet when a plan is made, and must count then as it does later. */
function namedInText(url: string): readonly string[] {
  const path = fileURLToPath(url);
  if (!/\.[mc]?[jt]s$/.test(path) || !existsSync(path)) return [];
  const calls = readFileSync(path, 'utf8').matchAll(/\b(?:import|require)\s*\(\s*(['"])(\.{1,2}\/[^'"\n]+)\1\s*\)/g);
  return [...calls].flatMap(([, , specifier = '']) => existingFile(new URL(specifier, url)) ?? []);
}

function packageLine(url: string): string {
  const manifest = findPackageJSON(url);
  if (manifest === undefined) return `file ${sha256(readFileSync(fileURLToPath(url)))}`;
  const { name, version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly name?: string; readonly version?: string };
  return `package ${name ?? manifest} ${version ?? ''}`;
}
