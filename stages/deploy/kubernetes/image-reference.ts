import { type Artifact, failure, type TargetContext } from '../../../core/index.ts';
import type { OciImage } from '../../kinds.ts';
import type { kubernetesSettings } from './settings.ts';

type Context = TargetContext<typeof kubernetesSettings>;

/** The reference under which nodes pull the image: where it was pushed, or where the target is told to push it, with its digest. */
export function referenceOf(what: Artifact<typeof OciImage>, { repository }: Pick<Context['settings'], 'repository'>): string {
  const { pushed, name, digest } = what.facts;
  const into = repository === undefined ? name : `${repository.replace(/\/+$/, '')}/${name.split('/').at(-1)}`;
  if (repository === undefined && pushed !== undefined) return pushed;
  if (repository === undefined && !hasRegistry(name))
    throw failure('MF5287', `the image ${name} is in no registry that the cluster can pull from`, {
      hint: 'Give the target `repository`, or push the image in `containerize`.',
    });
  return `${into}@${digest}`;
}

/** What comes first is a host where it has a dot or a port, or is this machine. */
function hasRegistry(name: string): boolean {
  const [host = '', ...rest] = name.split('/');
  return rest.length > 0 && (/[.:]/.test(host) || host === 'localhost');
}

/** Nothing is sent of what the registry has. */
export async function ensurePushed(what: Artifact<typeof OciImage>, { settings }: Context): Promise<string> {
  return referenceOf(what, settings);
}
