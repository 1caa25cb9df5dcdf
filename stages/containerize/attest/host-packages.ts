import { glob, readFile } from 'node:fs/promises';
import { debianUrl, type Software } from './software.ts';

/**
 * Names the Debian packages that loose libraries of this machine came from, for a base that was made of them. Where the machine is no Debian
 * nothing is added.
 */
export async function withHostPackages(software: readonly Software[], architecture: string): Promise<readonly Software[]> {
  if (!software.some(({ kind }) => kind === 'file')) return software;
  const owners = await ownersOf(new Set(software.filter(({ kind }) => kind === 'file').map(({ name }) => name)));
  const versions = owners.size === 0 ? new Map<string, string>() : await installedVersions();
  const system = await ownSystem();
  return software.map((each) => {
    const owner = each.kind === 'file' ? owners.get(each.name) : undefined;
    const version = owner === undefined ? undefined : versions.get(owner);
    if (owner === undefined || version === undefined) return each;
    return { ...each, kind: 'library' as const, version, purl: debianUrl(owner, version, architecture, system) };
  });
}

/** File name → package. */
async function ownersOf(names: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
  const owners = new Map<string, string>();
  for await (const list of glob('/var/lib/dpkg/info/lib*.list')) {
    const text = await readFile(list, 'utf8').catch(() => '');
    const owner = /([^/:]+)(:[^/]+)?\.list$/.exec(list)?.[1] ?? '';
    for (const line of text.split('\n')) {
      const name = line.slice(line.lastIndexOf('/') + 1);
      if (names.has(name) && /^\/(usr\/)?lib(64|\/)/.test(line) && !owners.has(name)) owners.set(name, owner);
    }
  }
  return owners;
}

async function installedVersions(): Promise<ReadonlyMap<string, string>> {
  const text = await readFile('/var/lib/dpkg/status', 'utf8').catch(() => '');
  const paragraphs = text
    .split(/\n\n+/)
    .map((paragraph) => [/^Package: (.*)$/m.exec(paragraph)?.[1], /^Version: (.*)$/m.exec(paragraph)?.[1]]);
  return new Map(paragraphs.flatMap(([name, version]) => (name !== undefined && version !== undefined ? [[name, version] as const] : [])));
}

async function ownSystem(): Promise<{ readonly id: string; readonly version: string } | undefined> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string): string => new RegExp(`^${name}="?([^"\\n]*)`, 'm').exec(text)?.[1] ?? '';
  return text === '' ? undefined : { id: field('ID'), version: field('VERSION_ID') };
}
