// Makes the JavaScript of dist/ from the sources, in few files, so that a command starts fast. `tsc` makes the types beside it.
//
//   dist/bundle/*.js         all the code, split by what is loaded together
//   dist/core, dist/stages   types, assets, and a line of JavaScript for each file that is addressed by its path
//   dist/image       the programs of container images, see image.ts
import { globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { imagePrograms, licencesOf } from './image.ts';
import { sharedZod, zodEntry } from './zod.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const sources = globSync('{core,stages}/**/*.ts', { cwd: root }).map((path) => path.replaceAll('\\', '/'));
const binSource = 'core/cli/bin.ts';
const fromBin = ['core/cli/compile-cache.ts', 'core/cli/host-main.ts', 'core/cli/main.ts'];
/** Loaded by every command: cheaper inside than as folders of small files. Their licences go along. */
const inside = ['zod', 'commander'];

/** Files that something starts or imports by path: the doors, what `bin` loads, and what a source names as `./x.js` beside import.meta.url. */
function addressedFiles(): readonly string[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  };
  const doors = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [] : [sourceOf(entry.default.slice('./dist/'.length))],
  );
  const named = sources.flatMap((path) => {
    const text = readFileSync(join(root, path), 'utf8');
    if (!text.includes('import.meta.url')) return [];
    const found = [...text.matchAll(/'(\.\.?\/[\w./-]+\.js)'/g)].map(([, name = '']) => sourceOf(posix.join(posix.dirname(path), name)));
    return found.filter((each) => sources.includes(each));
  });
  return [...new Set([...fromBin, ...doors, ...named])].sort();
}

function sourceOf(built: string): string {
  return built.replace(/\.js$/, '.ts');
}

/** `core/serve/main.ts` → `core-serve-main`: everything lies in one folder, so that import.meta.url needs one rule. */
function flat(path: string): string {
  return path.replace(/\.ts$/, '').replaceAll('/', '-');
}

/** A module goes on to believe that it lies where its source does: assets and package.json are found from there. */
const placed: Plugin = {
  name: 'placed',
  setup(builder) {
    builder.onLoad({ filter: /\.ts$/ }, ({ path }) => {
      const contents = readFileSync(path, 'utf8');
      const built = relative(root, path).replaceAll('\\', '/').replace(/\.ts$/, '.js');
      return { contents: contents.replaceAll('import.meta.url', `new URL('../${built}', import.meta.url).href`), loader: 'ts' };
    });
  },
};

/** Other packages stay packages. */
const insideOnly: Plugin = {
  name: 'inside-only',
  setup(builder) {
    builder.onResolve({ filter: /^[^./]/ }, ({ path, importer }) => {
      if (importer.includes('/node_modules/') || inside.includes(path)) return undefined;
      return { path, external: true };
    });
  },
};

/** `bin` must parse in every Node there is, so nothing else may be in its file. */
const binAlone: Plugin = {
  name: 'bin-alone',
  setup(builder) {
    builder.onResolve({ filter: /^\.\// }, ({ path }) => ({
      path: `../../bundle/${flat(posix.join('core/cli', path))}.js`,
      external: true,
    }));
  },
};

const common = { bundle: true, format: 'esm', platform: 'node', target: 'node22.19', write: false, logLevel: 'warning' } as const;

async function bundleAll(): Promise<ReadonlyMap<string, string>> {
  const entries = addressedFiles();
  const { outputFiles, metafile } = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: [...entries.map((path) => ({ in: join(root, path), out: flat(path) })), { in: zodEntry, out: 'zod' }],
    outdir: join(dist, 'bundle'),
    chunkNames: 'shared-[hash]',
    splitting: true,
    metafile: true,
    legalComments: 'none',
    plugins: [sharedZod, placed, insideOnly],
  });
  const bin = await build({
    ...common,
    absWorkingDir: root,
    entryPoints: [join(root, binSource)],
    outfile: join(dist, binSource.replace(/\.ts$/, '.js')),
    target: 'es2020',
    plugins: [binAlone],
  });
  const made = new Map([...outputFiles, ...bin.outputFiles].map(({ path, text }) => [relative(dist, path), builtinsAsObjects(text)]));
  for (const path of entries) {
    const built = path.replace(/\.ts$/, '.js');
    made.set(built, `export * from '${posix.relative(posix.dirname(path), 'bundle')}/${flat(path)}.js';\n`);
  }
  return made.set('bundle/licences.txt', licencesOf(metafile.inputs));
}

/**
 * An import of a module of Node's makes Node read every one of its exports, also those that load half of Node when they are read (`fetch` behind
 * node:http: 20 ms). Taken as an object, only what is used is read. Each stands before all that uses it, as esbuild puts it there.
 */
function builtinsAsObjects(code: string): string {
  const asked = (module: string): string => `process.getBuiltinModule("${module}")`;
  return code
    .replace(
      /^import \{([^}]+)\} from "(node:[\w/]+)";$/gm,
      (_, names: string, module: string) => `const {${names.replaceAll(' as ', ': ')}} = ${asked(module)};`,
    )
    .replace(/^import (?:\* as )?(\w+) from "(node:[\w/]+)";$/gm, (_, name: string, module: string) => `const ${name} = ${asked(module)};`);
}

/** Unchanged files are left alone, and what an earlier build has left goes. */
function put(made: ReadonlyMap<string, string>): void {
  for (const [path, text] of made) {
    const file = join(dist, path);
    if (textOf(file) === text) continue;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text, { mode: path.endsWith('/bin.js') ? 0o755 : 0o644 });
  }
  for (const path of globSync('**/*.js', { cwd: dist })) if (!made.has(path)) rmSync(join(dist, path));
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    // Not built yet.
    return undefined;
  }
}

put(new Map([...(await bundleAll()), ...(await imagePrograms())]));
