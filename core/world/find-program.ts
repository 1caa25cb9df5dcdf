import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** Every place on PATH that has an executable file of this name, in the order of PATH. */
export async function programsOnPath(name: string, env: Env, cwd: string): Promise<readonly string[]> {
  const folders = (env['PATH'] ?? '').split(delimiter).map((folder) => (isAbsolute(folder) ? folder : resolve(cwd, folder)));
  const found: string[] = [];
  for (const folder of new Set(folders)) {
    const path = join(folder, name);
    if (await isProgram(path)) found.push(path);
  }
  return found;
}

/** The absolute path of a program that is given by name or by path; undefined when there is none that can be run. */
export async function findProgram(command: string, env: Env, cwd: string): Promise<string | undefined> {
  if (!command.includes('/')) return (await programsOnPath(command, env, cwd))[0];
  const path = resolve(cwd, command);
  return (await isProgram(path)) ? path : undefined;
}

/** Is there a file that this user may execute? */
export async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Not there, not allowed, not a folder on the way: each means that it cannot be run.
    return false;
  }
}
