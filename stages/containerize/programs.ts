import { existsSync, readFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failure } from '../../core/index.ts';
import { byVersion, readElf } from './elf.ts';
import { diskFile, filesOf, type LayerEntry } from './entry.ts';
import type { Architecture } from './host-base.ts';

/** Made by the build, from source as well: one file for each program of an image. */
const folder = new URL(import.meta.url.endsWith('.ts') ? '../../dist/image/' : '../../image/', import.meta.url);

export type Program = 'server' | 'worker' | 'health' | 'router';

export function programUrl(program: Program): URL {
  return new URL(`${program}.js`, folder);
}

/** The programs in /app, with the licences of what is bundled in them, and `/app/node`, which is the Node of whatever base it is. */
export async function appEntries(programs: readonly Program[], base: { readonly node: string }): Promise<readonly LayerEntry[]> {
  const missing = programs.map(programUrl).find((url) => !existsSync(url));
  if (missing !== undefined) {
    throw failure('MF3210', `${fileURLToPath(missing)} is not there: it is what an image runs`, {
      hint: 'It comes with modelflow. In a checkout of its source, run `npm run build`; otherwise install modelflow again.',
    });
  }
  const names = [...programs.map((each) => `${each}.js`), 'package.json', 'licences.txt'];
  const files = await Promise.all(names.map((name) => diskFile(`app/${name}`, fileURLToPath(new URL(name, folder)))));
  return [...files, { path: 'app/node', kind: 'link', to: base.node }];
}

/** The serving runtime for one platform; image decoding only for a model that takes images: it is 18 MB. */
export async function runtimeEntries(architecture: Architecture, { images }: { readonly images: boolean }): Promise<readonly LayerEntry[]> {
  const cpu = architecture === 'amd64' ? 'x64' : 'arm64';
  const here = fileURLToPath(import.meta.url);
  const runtime = packageFolder('onnxruntime-node', here);
  const common = packageFolder('onnxruntime-common', join(runtime, 'package.json'));
  const natives = nativesOf(architecture);
  const parts = [
    filesOf(runtime, 'app/node_modules/onnxruntime-node', (path) => isCode(path) && (!path.startsWith('bin/') || path.startsWith(natives))),
    filesOf(common, 'app/node_modules/onnxruntime-common', (path) => isCode(path) && !/^(lib|dist\/(esm|.*\.min))/.test(path)),
    ...(images ? imagePackages(cpu, here).map((each) => filesOf(each.folder, `app/node_modules/${each.name}`, isCode)) : []),
  ];
  return (await Promise.all(parts)).flat();
}

/** The environment that Node and the programs want, on top of that of the base. */
export function environmentOn({
  env,
  parts,
}: {
  readonly env: Readonly<Record<string, string>>;
  readonly parts: readonly LayerEntry[];
}): Readonly<Record<string, string>> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    ...env,
    ...(parts.length > 0 ? { LD_LIBRARY_PATH: '/app/lib' } : {}),
    NODE_ENV: 'production',
  };
}

/** The newest version of the GNU C library that the serving runtime asks for. */
export async function runtimeWantsLibc(architecture: Architecture): Promise<string> {
  const folder = join(packageFolder('onnxruntime-node', fileURLToPath(import.meta.url)), nativesOf(architecture));
  const wanted = await Promise.all(['libonnxruntime.so.1', 'onnxruntime_binding.node'].map((name) => readElf(join(folder, name))));
  return (
    wanted
      .map((elf) => elf?.wantsLibc ?? '0')
      .sort(byVersion)
      .at(-1) ?? '0'
  );
}

function nativesOf(architecture: Architecture): string {
  return `bin/napi-v6/linux/${architecture === 'amd64' ? 'x64' : 'arm64'}/`;
}

interface Package {
  readonly name: string;
  readonly folder: string;
}

/** sharp with what it depends on, and its native part for the platform of the image, which npm installs for this machine only. */
function imagePackages(cpu: 'x64' | 'arm64', here: string): readonly Package[] {
  const sharp = packageFolder('sharp', here);
  const natives = [`@img/sharp-linux-${cpu}`, `@img/sharp-libvips-linux-${cpu}`];
  return [
    { name: 'sharp', folder: sharp },
    ...[...dependenciesOf(sharp), ...natives].map((name) => ({ name, folder: packageFolder(name, join(sharp, 'package.json')) })),
  ];
}

function dependenciesOf(packagePath: string): readonly string[] {
  const { dependencies = {} } = manifestIn(packagePath);
  return Object.keys(dependencies);
}

/** Of the installed package, read without loading it. */
export function packageVersion(name: string): string {
  return manifestIn(packageFolder(name, fileURLToPath(import.meta.url))).version;
}

function manifestIn(packagePath: string): { readonly version: string; readonly dependencies?: Readonly<Record<string, string>> } {
  return JSON.parse(readFileSync(join(packagePath, 'package.json'), 'utf8')) as ReturnType<typeof manifestIn>;
}

function packageFolder(name: string, from: string): string {
  const manifest = found(() => findPackageJSON(name, from));
  if (manifest !== undefined) return dirname(manifest);
  throw failure('MF3210', `The package ${name} is not installed, and the image needs it`, {
    hint: `Install it for the platform of the image: \`npm install --no-save --force ${name}\`; or build the image on a machine of that platform.`,
  });
}

function found(look: () => string | undefined): string | undefined {
  try {
    return look();
  } catch {
    // It throws for a package that is not there.
    return undefined;
  }
}

/** Declarations, maps, sources and documentation are for those who build with a package. */
function isCode(path: string): boolean {
  return (
    !/\.(d\.[cm]?ts|map|cc|h|gyp)$|^(src|install|script|lib\/.*\.ts|README\.md|range\.bnf)/.test(path) && !/(^|\/)README\.md$/.test(path)
  );
}
