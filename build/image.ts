// Makes dist/image: the programs that a container image runs, each whole in one file but for what is native, with nothing of the rest of modelflow.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Metafile } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));

const programs = {
  server: 'core/serve/container.ts',
  worker: 'core/serve/worker.ts',
  health: 'core/serve/health.ts',
  router: 'core/route/main.ts',
} as const;

/** Native, so they come as packages of their own. */
const native = ['onnxruntime-node', 'sharp'];

/** File of dist → its text. */
export async function imagePrograms(): Promise<ReadonlyMap<string, string>> {
  const made = new Map<string, string>();
  const inputs: Metafile['inputs'] = {};
  for (const [name, source] of Object.entries(programs)) {
    const { outputFiles, metafile } = await build({
      absWorkingDir: root,
      entryPoints: [join(root, source)],
      outfile: join(root, 'dist', 'image', `${name}.js`),
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node22.19',
      write: false,
      logLevel: 'warning',
      metafile: true,
      legalComments: 'none',
      external: native,
      // Some packages inside are CommonJS and ask for modules of Node's.
      banner: { js: `import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);` },
    });
    for (const file of outputFiles) made.set(relative(join(root, 'dist'), file.path), file.text);
    Object.assign(inputs, metafile.inputs);
  }
  made.set('image/licences.txt', licencesOf(inputs));
  const { name, version, license } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<string, string>;
  return made.set('image/package.json', `${JSON.stringify({ name, version, license, type: 'module', private: true })}\n`);
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly licenses?: readonly { readonly type: string }[];
}

/** The licences of the packages whose code is in what was bundled. */
export function licencesOf(inputs: Metafile['inputs']): string {
  const packages = new Set(Object.keys(inputs).flatMap((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? []));
  const texts = [...packages].sort().map((folder) => {
    const { name, version, ...rest } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
    // Old packages say it as a list.
    const licence = rest.license ?? rest.licenses?.[0]?.type;
    return `${name} ${version}${licence === undefined ? '' : ` (${licence})`}\n\n${licenceIn(folder).trim()}\n`;
  });
  return `The files beside this one contain code of these packages.\n\n${texts.join(`\n${'-'.repeat(80)}\n\n`)}`;
}

function licenceIn(folder: string): string {
  const names = ['LICENSE', 'LICENSE.md', 'LICENSE.txt', 'LICENCE', 'license'];
  const found = names.map((name) => join(root, folder, name)).find((file) => existsSync(file));
  if (found === undefined)
    throw new Error(`${folder} has no licence file, so its code cannot be passed on (looked for ${names.join(', ')})`);
  return readFileSync(found, 'utf8');
}
