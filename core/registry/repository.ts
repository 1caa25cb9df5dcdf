import { type Connection, connectTo, RegistryError } from './connection.ts';
import { headManifest } from './manifests.ts';
import { pull } from './pull.ts';
import { pushLayout } from './push.ts';
import { parseImageReference } from './reference.ts';
import { attach, attachedBytes, referrersOf } from './referrers.ts';
import type { Registry, RegistrySettings } from './registry.ts';
import { explained } from './trouble.ts';

/** An image is large, and the way to its registry long. */
const imagePatience = { answerMs: 30_000, patience: { tries: 6, firstPauseMs: 200, longestPauseMs: 4_000 } };

/** The settings with the whole name of the repository, and with what is meant by no word about TLS. */
export function repositoryOf(settings: RegistrySettings & { readonly insecure: boolean }): Registry {
  const { repository, insecure, signal } = settings;
  const plain = connectTo({ repository, insecure, ...imagePatience });
  const within = <T>(doing: string, act: () => Promise<T>, connection: Connection = plain): Promise<T> =>
    explained({ repository, shown: connection.shown }, doing, act);
  return {
    repository,
    hasManifest: (reference) =>
      within(`ask for ${repository} ${reference}`, async () => (await headManifest(plain, reference, signal)) !== undefined),
    resolve: (tag) =>
      within(`ask for ${repository}:${tag}`, async () => {
        const found = await headManifest(plain, tag, signal);
        if (found === undefined) throw new RegistryError('wrong', 'no such tag', { status: 404, codes: ['MANIFEST_UNKNOWN'] });
        return found.digest;
      }),
    pushLayout(request) {
      const mountFrom = neighbours(repository, request.mountFrom ?? []);
      const connection = mountFrom.length === 0 ? plain : connectTo({ repository, insecure, ...imagePatience, alsoPull: mountFrom });
      return within(`push to ${repository}`, () => pushLayout(connection, settings, { ...request, mountFrom }), connection);
    },
    pull: (reference, platform, into) => within(`pull ${repository} ${reference}`, () => pull(plain, settings, reference, platform, into)),
    attach: (attachment) => within(`attach to ${repository}@${attachment.subject}`, () => attach(plain, attachment, signal)),
    referrers: (digest) => within(`ask what is attached to ${repository}@${digest}`, () => referrersOf(plain, digest, signal)),
    attached: (digest) => within(`read ${repository}@${digest}`, () => attachedBytes(plain, digest, signal)),
  };
}

/** Repositories of the same registry, without its name. */
function neighbours(repository: string, images: readonly string[]): readonly string[] {
  const [host = ''] = repository.split('/', 1);
  const others = images.map((image) => parseImageReference(image).repository);
  const here = others.filter((other) => other.startsWith(`${host}/`) && other !== repository);
  return [...new Set(here.map((other) => other.slice(host.length + 1)))];
}
