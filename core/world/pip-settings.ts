import { resolve } from 'node:path';
import type { ProcessRunner } from '../spec/port.ts';
import type { Python } from './find-python.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What pip was told by its configuration files and the environment: `index-url`, `find-links`, `cert` … */
export type PipSettings = Readonly<Record<string, string>>;

/** Reads pip's settings as pip does. Without a pip only the environment counts. */
export async function readPipSettings(given: {
  readonly process: ProcessRunner;
  readonly env: Env;
  readonly python: Python;
}): Promise<PipSettings> {
  const fromEnv = Object.entries(given.env)
    .filter(([name, value]) => name.startsWith('PIP_') && value)
    .map(([name, value]) => [name.slice('PIP_'.length).toLowerCase().replaceAll('_', '-'), value ?? ''] as const);
  if (!given.python.hasPip) return Object.fromEntries(fromEnv);
  const { stdout } = await given.process.run({ command: given.python.executable, args: ['-I', '-m', 'pip', 'config', 'list'] });
  return { ...parsePipConfig(stdout), ...Object.fromEntries(fromEnv) };
}

/** Understands what `pip config list` prints, one `section.key='value'` a line. The section of the install command wins over the global one. */
export function parsePipConfig(text: string): PipSettings {
  const section = (name: string): readonly (readonly [string, string])[] =>
    text.split('\n').flatMap((line) => {
      const match = /^(global|install|:env:)\.([^=]+)=(['"])(.*)\3$/.exec(line.trim());
      return match?.[1] === name && match[2] && match[4] !== undefined ? [[match[2], unquoted(match[4])] as const] : [];
    });
  return Object.fromEntries([...section('global'), ...section('install'), ...section(':env:')]);
}

/** The inside of a Python string literal as `repr` writes it. */
function unquoted(literal: string): string {
  return literal.replace(/\\(.)/g, (_, character: string) => (character === 'n' ? '\n' : character === 't' ? '\t' : character));
}

/** How uv is told the same: it reads nothing of pip's. What the user told uv himself is left alone. */
export function uvSettings(
  pip: PipSettings,
  env: Env,
): { readonly env: Readonly<Record<string, string>>; readonly args: readonly string[] } {
  const told = (...names: readonly string[]): boolean => names.some((name) => env[name]);
  const words = (key: string): readonly string[] => (pip[key] ?? '').split(/\s+/).filter((word) => word !== '');
  const translated: Record<string, string> = {};
  const set = (name: string, value: string | undefined): void => {
    if (value) translated[name] = value;
  };
  if (!told('UV_DEFAULT_INDEX', 'UV_INDEX_URL')) set('UV_DEFAULT_INDEX', pip['index-url']);
  if (!told('UV_INDEX', 'UV_EXTRA_INDEX_URL') && words('extra-index-url').length > 0) {
    set('UV_INDEX', words('extra-index-url').join(' '));
    // pip looks into all indexes. uv would stop at the first that knows the name; the hashes guard against a stranger's package of that name.
    if (!told('UV_INDEX_STRATEGY')) set('UV_INDEX_STRATEGY', 'unsafe-best-match');
  }
  if (!told('UV_FIND_LINKS')) set('UV_FIND_LINKS', words('find-links').map(absolute).join(','));
  if (!told('UV_INSECURE_HOST')) set('UV_INSECURE_HOST', words('trusted-host').join(' '));
  if (!told('UV_HTTP_TIMEOUT')) set('UV_HTTP_TIMEOUT', pip['timeout'] ?? pip['default-timeout']);
  if (!told('SSL_CERT_FILE', 'SSL_CERT_DIR')) set('SSL_CERT_FILE', pip['cert']);
  if (!told('SSL_CLIENT_CERT')) set('SSL_CLIENT_CERT', pip['client-cert']);
  if (!told('ALL_PROXY', 'all_proxy', 'HTTPS_PROXY', 'https_proxy')) set('ALL_PROXY', pip['proxy']);
  return { env: translated, args: isTrue(pip['no-index']) ? ['--no-index'] : [] };
}

/** uv runs in another folder than the one the user wrote the path for. */
function absolute(link: string): string {
  return /^[a-z]+:\/\//i.test(link) ? link : resolve(link.replace(/^~(?=\/)/, process.env['HOME'] ?? '~'));
}

function isTrue(value: string | undefined): boolean {
  return ['1', 'true', 'yes', 'on', 't', 'y'].includes((value ?? '').toLowerCase());
}
