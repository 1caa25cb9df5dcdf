import { failure, type ModelflowError } from '../spec/diagnostic.ts';
import { RemoteError } from '../spec/remote.ts';
import { RegistryError } from './connection.ts';
import { isTlsTrouble } from './patience.ts';

export interface Place {
  readonly repository: string;
  /** What the registry was shown, in words. */
  shown(): string | undefined;
}

/** Runs `act`; what a registry does not do becomes a diagnostic that says which registry, why, and what to do. */
export async function explained<T>(place: Place, doing: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    throw error instanceof RemoteError ? diagnosed(place, doing, error) : error;
  }
}

function diagnosed({ repository, shown }: Place, doing: string, cause: RemoteError): ModelflowError {
  const host = repository.split('/')[0] ?? repository;
  const status = cause instanceof RegistryError ? cause.status : 0;
  const codes = cause instanceof RegistryError ? cause.codes : [];
  const what = `${doing}: ${cause.message}`;
  if (cause.trouble === 'denied')
    return failure('MF3240', `${host} does not let us in to ${what}. Shown: ${shown() ?? 'no credentials, it did not ask for any'}`, {
      hint: `\`docker login ${host}\`, with an account that may write to ${repository}; or a credential helper in Docker's config.json.`,
      cause,
    });
  if (codes.includes('NAME_INVALID'))
    return failure('MF3242', `${host} takes \`${repository}\` for no name of a repository: ${cause.message}`, {
      hint: 'Lower-case letters and digits, with single dots, dashes, underscores and slashes between; some registries want a fixed depth.',
      cause,
    });
  if (status === 404 || cause.trouble === 'missing')
    return failure('MF3241', `${host} does not have it: ${what}`, { hint: 'See the name, the tag and the platform.', cause });
  if (status === 429)
    return failure('MF3243', `${host} lets us ask no more for now: ${what}`, {
      hint: `Wait, or \`docker login ${host}\`: who is logged in may ask more.`,
      cause,
    });
  if (cause.trouble === 'unreachable') return isTlsTrouble(cause) ? untrusted(host, what, cause) : unreachable(host, what, cause);
  if (cause.trouble === 'busy' && status >= 500) return unreachable(host, what, cause);
  return failure('MF3246', `${host} refuses: ${what}`, { hint: 'What the registry says is all there is to it.', cause });
}

function unreachable(host: string, what: string, cause: RemoteError): ModelflowError {
  return failure('MF3244', `${host} cannot be reached or does not work: ${what}`, {
    hint: 'Nothing that was there has changed, and what was sent is not sent again. Run again when it answers.',
    cause,
  });
}

function untrusted(host: string, what: string, cause: RemoteError): ModelflowError {
  return failure('MF3247', `${host} does not speak TLS that is trusted here: ${what}`, {
    hint: 'Give its certificate authority in NODE_EXTRA_CA_CERTS; or say `insecure: true` for a registry without TLS.',
    cause,
  });
}
