import { failure } from '../../../core/index.ts';
import type { KubernetesSettings } from './settings.ts';

/** What an image is called and where it is, of its facts. */
export interface ImageFacts {
  readonly name: string;
  readonly digest: string;
  readonly pushed?: string | undefined;
}

/** The reference by which nodes pull an image: where the target is told to push it, or where it was pushed, or will be by its name. Pinned by digest. */
export function referenceOf({ name, digest, pushed }: ImageFacts, settings: Pick<KubernetesSettings, 'repository'>): string {
  if (settings.repository !== undefined) return `${repositoryFor(settings.repository, name)}@${digest}`;
  if (pushed !== undefined) return pushed;
  if (hasRegistry(name)) return `${name}@${digest}`;
  throw failure('MF5287', `the image ${name} is in no registry that the cluster can pull from`, {
    hint: "Give the target `repository`, such as kubernetes({ repository: 'ghcr.io/acme' }), or the image a name with a registry.",
  });
}

/** Where an image goes below the repository that the target pushes to: its last word. */
export function repositoryFor(repository: string, name: string): string {
  return `${repository.replace(/\/+$/, '')}/${name.split('/').at(-1)}`;
}

/** What comes first is a host where it has a dot or a port, or is this machine. */
function hasRegistry(name: string): boolean {
  const [host = '', ...rest] = name.split('/');
  return rest.length > 0 && (/[.:]/.test(host) || host === 'localhost');
}
