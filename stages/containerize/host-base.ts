import { createHash } from 'node:crypto';
import { glob, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { failure } from '../../core/index.ts';
import type { BaseContents } from './base-contents.ts';
import { byVersion, type Elf, readElf } from './elf.ts';
import { diskFile, type LayerEntry, nativeFile, textFile } from './entry.ts';

/** A file of this machine that the base takes over, and where its linker looks for it. */
interface HostFile {
  readonly path: string;
  readonly from: string;
  readonly elf: Elf | undefined;
}

const triples = { amd64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as const;
export type Architecture = keyof typeof triples;

/** The architecture of this process as images name it; undefined for one that the serving runtime does not have. */
export function ownArchitecture(): Architecture | undefined {
  return process.arch === 'x64' ? 'amd64' : process.arch === 'arm64' ? 'arm64' : undefined;
}

/** What a C library loads by name when it looks up a host, and what native packages are linked with besides. */
const loadedByName = ['libresolv.so.2', 'libnss_dns.so.2', 'libnss_files.so.2', 'librt.so.1', 'libdl.so.2', 'libpthread.so.0'];
const certificates = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt', '/etc/ssl/cert.pem'];

/**
 * A base made of the Node that runs modelflow and the libraries it is linked with: it needs no registry, and has no shell and no package
 * manager. MF3211 where that Node is not one for Linux with the GNU C library.
 */
export async function hostBase(): Promise<readonly LayerEntry[]> {
  const { files, architecture } = await hostFiles();
  const triple = triples[architecture];
  const natives = await Promise.all(
    files.map(({ path, from, elf }) => (elf === undefined ? diskFile(path, from) : nativeFile(path, from))),
  );
  return [
    ...natives,
    // Wherever the linker of this system looks for libraries, it finds the one folder.
    { path: 'lib', kind: 'link', to: 'usr/lib' },
    { path: 'lib64', kind: 'link', to: 'usr/lib' },
    { path: 'usr/lib64', kind: 'link', to: 'lib' },
    { path: `usr/lib/${triple}`, kind: 'link', to: '.' },
    textFile('etc/passwd', 'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/tmp:/sbin/nologin\n'),
    textFile('etc/group', 'root:x:0:\nnonroot:x:65532:\n'),
    textFile('etc/nsswitch.conf', 'hosts: files dns\n'),
    textFile('usr/share/licenses/host-base.txt', licenceNote),
    { path: 'tmp', kind: 'folder', mode: 0o1777 },
  ];
}

const licenceNote = `This base was made by modelflow from files of the machine that built the image:
/usr/local/bin/node (MIT, https://github.com/nodejs/node/blob/main/LICENSE),
libraries in /usr/lib: the GNU C library (LGPL-2.1-or-later), libstdc++ and libgcc (GPL-3.0 with the GCC Runtime Library Exception).
Symbols for debuggers were left out; nothing else was changed. Whoever passes the image on keeps to these licences.
`;

/**
 * What a base lacks of Node and the libraries it is linked with, taken from this machine into /app/lib. Nothing where it has all. MF3212 when
 * its C library is too old for what would be added.
 */
export async function hostParts(
  { node, libc = '0', libraries }: BaseContents,
  { reference, architecture }: { readonly reference: string; readonly architecture: Architecture },
): Promise<readonly LayerEntry[]> {
  const isWhole = node !== undefined && cxxLibraries.every((name) => libraries.has(name));
  if (isWhole) return [];
  const here = await hostFiles();
  if (here.architecture !== architecture) {
    throw failure(
      'MF3211',
      `The base ${reference} has no Node, and the one that runs here is for ${here.architecture}, not for ${architecture}`,
      {
        hint: 'Use a base with a Node of its own, such as `node:24-slim`.',
      },
    );
  }
  const missing = here.files.filter(
    ({ path, elf }) => elf !== undefined && !libraries.has(basename(path)) && (path !== nodePath || node === undefined),
  );
  const newest =
    missing
      .map(({ elf }) => elf?.wantsLibc ?? '0')
      .sort(byVersion)
      .at(-1) ?? '0';
  if (byVersion(newest, libc) > 0) {
    throw failure(
      'MF3212',
      `The base ${reference} has version ${libc} of the GNU C library, and the Node of this machine needs ${newest}`,
      {
        hint: "Use a newer base, one with a Node of its own such as `node:24-slim`, or `base: 'host'`.",
      },
    );
  }
  return Promise.all(missing.map(({ path, from }) => nativeFile(`app/lib/${basename(path)}`, from)));
}

const nodePath = 'usr/local/bin/node';
const cxxLibraries = ['libstdc++.so.6', 'libgcc_s.so.1'];

/** What tells one host base from another, read from a few pages of each file: the linker's build ids, not the hundred megabytes. */
export async function hostIdentity(): Promise<Readonly<Record<string, string>>> {
  const { files } = await hostFiles();
  const ids = await Promise.all(files.map(async (file) => `${file.path} ${await identityOf(file)}`));
  return { node: process.version, 'host-base': createHash('sha256').update(ids.sort().join('\n')).digest('hex').slice(0, 16) };
}

async function identityOf({ from, elf }: HostFile): Promise<string> {
  if (elf?.buildId !== undefined) return `${elf.buildId} ${elf.loadedBytes}`;
  return createHash('sha256')
    .update(await readFile(from))
    .digest('hex');
}

async function hostFiles(): Promise<{ readonly files: readonly HostFile[]; readonly architecture: Architecture }> {
  const node = await realpath(process.execPath);
  const elf = await readElf(node);
  const architecture = elf?.machine;
  const linker = elf?.interpreter;
  if (elf === undefined || linker === undefined || architecture === undefined || architecture === 'other' || linker.includes('musl')) {
    throw failure('MF3211', `An image cannot be made of the Node that runs here (${node}): ${whyNot(elf)}`, {
      hint: "Name an image to build on instead, such as `base: 'node:24-slim'`.",
    });
  }
  const libraries = await librariesOf(node, elf, architecture);
  const linkerFrom = await realpath(linker);
  const linkerFile = { path: `usr/lib/${basename(linker)}`, from: linkerFrom, elf: await readElf(linkerFrom) };
  const trusted = await firstThere(certificates);
  return {
    architecture,
    files: [
      { path: nodePath, from: node, elf },
      ...libraries.filter(({ path }) => path !== linkerFile.path),
      linkerFile,
      ...(trusted === undefined ? [] : [{ path: 'etc/ssl/certs/ca-certificates.crt', from: trusted, elf: undefined }]),
    ],
  };
}

function whyNot(elf: Elf | undefined): string {
  if (elf === undefined) return `it is no program for Linux but for ${process.platform}`;
  if (elf.interpreter?.includes('musl')) return 'it is linked with musl, and the serving runtime needs the GNU C library';
  return `it is no dynamically linked program for amd64 or arm64`;
}

/** Everything that Node is linked with, directly or by a library, by the rules of the dynamic linker. */
async function librariesOf(node: string, elf: Elf, architecture: Architecture): Promise<readonly HostFile[]> {
  const shared = await searchFolders(architecture);
  const found = new Map<string, HostFile>();
  const waiting = [
    { from: node, elf, names: elf.needed, isOptional: false },
    { from: node, elf, names: loadedByName, isOptional: true },
  ];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const own = next.elf.searched.map((folder) => folder.replace(/\$ORIGIN|\$\{ORIGIN\}/g, dirname(next?.from ?? '')));
    for (const name of next.names) {
      if (found.has(name)) continue;
      const library = await findLibrary(name, [...own, ...shared], elf.machine);
      if (library === undefined && next.isOptional) continue;
      if (library === undefined) {
        throw failure('MF3211', `${basename(next.from)} is linked with ${name}, which was not found in ${shared.join(', ')}`, {
          hint: "Name an image to build on instead, such as `base: 'node:24-slim'`.",
        });
      }
      found.set(name, { path: `usr/lib/${name}`, from: library.from, elf: library.elf });
      waiting.push({ from: library.from, elf: library.elf, names: library.elf.needed, isOptional: false });
    }
  }
  return [...found.values()];
}

async function findLibrary(
  name: string,
  folders: readonly string[],
  machine: Elf['machine'],
): Promise<{ readonly from: string; readonly elf: Elf } | undefined> {
  for (const folder of folders) {
    const from = await firstThere([join(folder, name)]);
    const elf = from === undefined ? undefined : await readElf(from);
    // A folder may hold libraries for another processor under the same name.
    if (from !== undefined && elf?.machine === machine) return { from: await realpath(from), elf };
  }
  return undefined;
}

async function searchFolders(architecture: Architecture): Promise<readonly string[]> {
  const triple = triples[architecture];
  const byEnvironment = (process.env['LD_LIBRARY_PATH'] ?? '').split(':').filter((folder) => folder !== '');
  const standard = [`/lib/${triple}`, `/usr/lib/${triple}`, '/lib64', '/usr/lib64', '/lib', '/usr/lib'];
  return [...new Set([...byEnvironment, ...(await configuredFolders('/etc/ld.so.conf')), ...standard])];
}

/** The folders in the configuration of the dynamic linker, with the files that it includes. */
async function configuredFolders(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const lines = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  const folders: string[] = [];
  for (const line of lines) {
    const [, pattern] = /^include\s+(.+)$/.exec(line) ?? [];
    if (line.startsWith('/')) folders.push(line);
    if (pattern === undefined) continue;
    const included: string[] = [];
    for await (const each of glob(resolve(dirname(file), pattern))) included.push(each);
    for (const each of included.sort()) folders.push(...(await configuredFolders(each)));
  }
  return folders;
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const found = await stat(path).catch(() => undefined);
    if (found?.isFile()) return path;
  }
  return undefined;
}
