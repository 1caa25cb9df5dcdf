import { failure } from '../spec/diagnostic.ts';

/** The name of an image, taken apart. */
export interface ImageReference {
  /** With the registry: `docker.io/library/node`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
}

const host = /^(?:[A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(?::\d+)?$/;
const path = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*$/;
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const digestForm = /^sha256:[a-f0-9]{64}$/;

/** As Docker reads it: `node` is `docker.io/library/node`. MF3242 when it is no name of an image. Without tag and digest, both are left out. */
export function parseImageReference(text: string): ImageReference {
  const [named = '', digest, ...tooMany] = text.split('@');
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const name = hasTag ? named.slice(0, colon) : named;
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const repository = wholeName(name);
  const slash = repository.indexOf('/');
  const problem =
    tooMany.length > 0
      ? 'it has more than one @'
      : digest !== undefined && !digestForm.test(digest)
        ? `\`${digest}\` is no digest: sha256: and 64 digits from 0 to f`
        : tag !== undefined && !tagForm.test(tag)
          ? `\`${tag}\` is no tag: up to 128 letters, digits, dots, dashes and underscores`
          : !host.test(repository.slice(0, slash))
            ? `\`${repository.slice(0, slash)}\` is no name of a registry`
            : path.test(repository.slice(slash + 1)) && repository.length <= 255
              ? undefined
              : `\`${repository.slice(slash + 1)}\` is no repository: lower-case letters and digits, with single dots, dashes, underscores and slashes between`;
  if (problem !== undefined)
    throw failure('MF3242', `\`${text}\` is no name of an image: ${problem}`, {
      hint: 'Write registry/repository:tag or registry/repository@sha256:…, such as ghcr.io/acme/digits:1.2.',
    });
  return { repository, ...(tag === undefined ? {} : { tag }), ...(digest === undefined ? {} : { digest }) };
}

/** The first part is a registry when it could be no name of a person: with a dot, a port, or `localhost`. */
function wholeName(name: string): string {
  const [first = '', ...rest] = name.split('/');
  const isHost = rest.length > 0 && (/[.:[]/.test(first) || first === 'localhost');
  if (!isHost) return rest.length === 0 ? `docker.io/library/${name}` : `docker.io/${name}`;
  const registry = first === 'index.docker.io' ? 'docker.io' : first;
  return registry === 'docker.io' && rest.length === 1 ? `docker.io/library/${rest[0]}` : [registry, ...rest].join('/');
}

/** A registry on this machine is spoken to without TLS. */
export function isLoopback(repository: string): boolean {
  const name = (repository.split('/')[0] ?? '').replace(/:\d+$/, '');
  return name === 'localhost' || name === '[::1]' || /^127(\.\d+){3}$/.test(name);
}
