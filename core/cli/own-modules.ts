import { fileURLToPath } from 'node:url';
import { packageManifest } from './package-root.ts';

/** The modules of the running CLI itself, which a configuration imports as `modelflow` wherever it lies. */
export interface OwnModules {
  /** `modelflow`, `modelflow/stages`, … → the URL of the file that is running. */
  readonly doors: ReadonlyMap<string, string>;
  /** The zod that is built into modelflow; undefined from source, where it is a package. */
  readonly zod: string | undefined;
  /** Is the file part of modelflow, and not of the user's? */
  owns(url: string): boolean;
}

/** Reads the doors from package.json. Run from source, a door is the .ts file that its dist file is built from: two copies of a door would not know each other's classes. */
export function ownModules(): OwnModules {
  const fromSource = fileURLToPath(import.meta.url).endsWith('.ts');
  const base = new URL('../../', import.meta.url);
  const doors = new Map<string, string>();
  for (const [door, entry] of Object.entries(packageManifest().exports)) {
    const built = typeof entry === 'string' ? entry : entry.default;
    if (!built.startsWith('./dist/')) continue;
    const file = built.slice('./dist/'.length);
    doors.set(`modelflow${door.slice(1)}`, new URL(fromSource ? file.replace(/\.js$/, '.ts') : file, base).href);
  }
  const folders = ['core/', 'stages/', ...(fromSource ? [] : ['bundle/'])].map((folder) => new URL(folder, base).href);
  const zod = fromSource ? undefined : new URL('bundle/zod.js', base).href;
  return { doors, zod, owns: (url) => folders.some((folder) => url.startsWith(folder)) };
}
