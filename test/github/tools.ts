import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A program that `.ci/daemons` builds from its Go module. That it is missing fails the test that needs it. */
export function ciTool(name: 'act' | 'actionlint'): string {
  const path = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'modelflow-test', 'bin', name);
  if (!existsSync(path)) throw new Error(`${path} is not there: run \`sh .ci/daemons\``);
  return path;
}
