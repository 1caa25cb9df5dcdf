import type { ImageFiles } from './scan.ts';

/** One thing that is installed in an image. */
export interface Software {
  readonly kind: 'library' | 'application' | 'file';
  readonly name: string;
  readonly version?: string;
  /** As its maker writes it: an SPDX expression where it is one. */
  readonly licence?: string;
  /** https://github.com/package-url/purl-spec */
  readonly purl?: string;
  readonly sha256?: string;
  readonly path: string;
}

/** What an image has installed, sorted by where it lies: Node, packages of npm, Debian and Alpine, and libraries that belong to none of them. */
export function softwareIn(files: ImageFiles, architecture: string): readonly Software[] {
  const system = systemOf(files);
  const found = [
    ...nodeIn(files),
    ...npmPackagesIn(files),
    ...bundledIn(files),
    ...debianPackagesIn(files, architecture, system),
    ...alpinePackagesIn(files, architecture),
    ...looseLibrariesIn(files),
    ...nativeCodeIn(files),
  ];
  return found.sort((one, other) => (`${one.path} ${one.name}` < `${other.path} ${other.name}` ? -1 : 1));
}

function nodeIn(files: ImageFiles): readonly Software[] {
  return [...files].flatMap(([path, { says: version, sha256 }]) =>
    /(^|\/)node$/.test(path) && version !== undefined
      ? [{ kind: 'application' as const, name: 'node', version, licence: 'MIT', purl: `pkg:generic/node@${version}`, sha256, path }]
      : [],
  );
}

interface PackageManifest {
  readonly name?: unknown;
  readonly version?: unknown;
  readonly license?: unknown;
  /** Of old packages. */
  readonly licenses?: readonly { readonly type?: unknown }[];
}

/** Installed packages, and modelflow's own programs; a package.json inside a package, without a version, is none. */
function npmPackagesIn(files: ImageFiles): readonly Software[] {
  return [...files].flatMap(([path, { text }]) => {
    const isInstalled = /(^|\/)node_modules\/(@[^/]+\/)?[^/]+\/package\.json$/.test(path) || path === 'app/package.json';
    const { name, version, licenses, license = licenses?.[0]?.type } = isInstalled ? parsed(text ?? '') : {};
    if (typeof name !== 'string' || typeof version !== 'string') return [];
    const licence = typeof license === 'string' ? { licence: license } : {};
    return [
      { kind: 'library' as const, name, version, ...licence, purl: npmUrl(name, version), path: path.replace(/\/package\.json$/, '') },
    ];
  });
}

function parsed(text: string): PackageManifest {
  try {
    return JSON.parse(text) as PackageManifest;
  } catch {
    return {};
  }
}

/** Packages whose code is inside modelflow's own programs: the licences beside them name each. */
function bundledIn(files: ImageFiles): readonly Software[] {
  const blocks = files.get('app/licences.txt')?.text?.split(/^-{80}$/m) ?? [];
  return blocks.flatMap((block) => {
    const [, name, version, licence] = /^((?:@[\w.-]+\/)?[\w.-]+) (\d+\.\d+\.\d+\S*)(?: \(([^)]+)\))?$/m.exec(block) ?? [];
    if (name === undefined || version === undefined) return [];
    const known = licence === undefined ? {} : { licence };
    return [{ kind: 'library' as const, name, version, ...known, purl: npmUrl(name, version), path: 'app/server.js' }];
  });
}

function npmUrl(name: string, version: string): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}

interface System {
  readonly id: string;
  readonly version: string;
}

function systemOf(files: ImageFiles): System | undefined {
  const text = files.get('etc/os-release')?.text ?? files.get('usr/lib/os-release')?.text;
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(text ?? '')?.[1] ?? '';
  return text === undefined ? undefined : { id: field('ID'), version: field('VERSION_ID') };
}

/** Of an ordinary system, and of a distroless one, which has a file for each package. */
function debianPackagesIn(files: ImageFiles, architecture: string, system: System | undefined): readonly Software[] {
  return [...files]
    .filter(([path]) => /^var\/lib\/dpkg\/status(\.d\/[^/]+)?$/.test(path) && !path.endsWith('.md5sums'))
    .flatMap(([path, { text = '' }]) => text.split(/\n\n+/).map((paragraph) => ({ path, paragraph })))
    .flatMap(({ path, paragraph }) => {
      const field = (name: string): string | undefined => new RegExp(`^${name}: (.*)$`, 'm').exec(paragraph)?.[1];
      const [name, version] = [field('Package'), field('Version')];
      if (name === undefined || version === undefined || /deinstall|config-files/.test(field('Status') ?? '')) return [];
      const purl = debianUrl(name, version, field('Architecture') ?? architecture, system);
      return [{ kind: 'library' as const, name, version, purl, path }];
    });
}

export function debianUrl(name: string, version: string, architecture: string, system: System | undefined): string {
  const distro = system ? `&distro=${system.id}-${system.version}` : '';
  return `pkg:deb/${system?.id ?? 'debian'}/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}${distro}`;
}

function alpinePackagesIn(files: ImageFiles, architecture: string): readonly Software[] {
  const path = 'lib/apk/db/installed';
  return (files.get(path)?.text ?? '').split(/\n\n+/).flatMap((paragraph) => {
    const field = (letter: string): string | undefined => new RegExp(`^${letter}:(.*)$`, 'm').exec(paragraph)?.[1];
    const [name, version, licence] = [field('P'), field('V'), field('L')];
    if (name === undefined || version === undefined) return [];
    const purl = `pkg:apk/alpine/${name}@${version}?arch=${field('A') ?? architecture}`;
    return [{ kind: 'library' as const, name, version, ...(licence === undefined ? {} : { licence }), purl, path }];
  });
}

/** Libraries in the system's folders where no package manager says what they are, as in a base made of the machine that built it. */
function looseLibrariesIn(files: ImageFiles): readonly Software[] {
  if ([...files.keys()].some((path) => path.startsWith('var/lib/dpkg/') || path.startsWith('lib/apk/'))) return [];
  return [...files].flatMap(([path, { sha256, says }]) =>
    /^(usr\/)?lib(64)?\/(.*\/)?[^/]+\.so(\.\d+)*$/.test(path)
      ? [
          {
            kind: 'file' as const,
            name: path.replace(/.*\//, ''),
            ...(says === undefined ? {} : { version: versionIn(says) }),
            sha256,
            path,
          },
        ]
      : [],
  );
}

/** What npm packages bring that was compiled: their manifests do not tell its bytes. */
function nativeCodeIn(files: ImageFiles): readonly Software[] {
  return [...files].flatMap(([path, { sha256 }]) =>
    /(^|\/)node_modules\/.*\.(node|so(\.\d+)*)$/.test(path)
      ? [{ kind: 'file' as const, name: path.replace(/.*\//, ''), sha256, path }]
      : [],
  );
}

/** `Debian GLIBC 2.31-13+deb11u13` */
function versionIn(said: string): string {
  return /GLIBC (\S+)/.exec(said)?.[1] ?? said;
}
