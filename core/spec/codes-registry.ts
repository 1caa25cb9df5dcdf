import type { CodeEntry } from './code-entry.ts';

/** Of container registries, and of what is attached to images there. */
export const registryCodes = {
  MF3240: {
    title: 'The registry does not let us in',
    exit: 8,
    explain:
      "The registry refuses the credentials, or wants some where none were found. They come from Docker's configuration (`$DOCKER_CONFIG` or `~/.docker`) and its credential helpers; the message says which were shown. `docker login` writes them.",
  },
  MF3241: {
    title: 'The registry does not have it',
    exit: 1,
    explain: 'There is no image, tag or repository of this name. Many registries say the same of what the credentials may not see.',
  },
  MF3242: {
    title: 'This is no name of an image',
    exit: 2,
    explain:
      'A name is `registry/repository`, with `:tag` or `@sha256:…` behind it. A repository has lower-case letters and digits, with single dots, dashes, underscores and slashes between. Without a registry it is one of Docker Hub.',
  },
  MF3243: {
    title: 'The registry limits how much is asked',
    exit: 8,
    explain: 'The registry answered 429, also after the pauses that it asked for. Who is logged in may usually ask more.',
  },
  MF3244: {
    title: 'The registry cannot be reached',
    exit: 8,
    explain:
      'The registry did not answer, or answered with errors of its own, also when asked again. What was sent whole is kept there and is not sent again by the next run.',
  },
  MF3245: {
    title: 'The registry sends other bytes than it announced',
    exit: 1,
    explain: 'What came does not match its digest. Nothing of it is used.',
  },
  MF3246: {
    title: 'The registry refuses what was asked',
    exit: 1,
    explain:
      'The registry does not take the request, for the reason in the message, such as a tag that must not be overwritten or a quota.',
  },
  MF3247: {
    title: 'The registry is not trusted',
    exit: 8,
    explain:
      'The registry speaks no TLS, or its certificate is not signed by an authority that is known here. `NODE_EXTRA_CA_CERTS` names a file with another authority. Only registries on this machine are spoken to without TLS unless `insecure: true` is said.',
  },
  MF3248: {
    title: 'The image is not there for this platform',
    exit: 1,
    explain:
      'The name stands for images of several platforms, and the one that is needed is not among them. The message lists those that are.',
  },
  MF3249: {
    title: 'The image on this machine is damaged',
    exit: 1,
    explain: 'A file of the OCI image layout is missing or does not match its digest. Nothing is named in the registry that is not whole.',
  },
  MF3250: {
    title: 'The key does not do for signatures of images',
    exit: 2,
    explain: 'Images are signed with a private key in PEM, not encrypted: Ed25519, or ECDSA on P-256. Its public part checks them.',
  },
  MF3251: {
    title: 'The image has no registry to go to',
    exit: 2,
    explain: 'The name of an image that is to be pushed begins with its registry: `ghcr.io/acme/digits`, not `digits`.',
  },
  MF3252: {
    title: 'The image is not signed with this key',
    exit: 3,
    explain: 'No signature in the registry says, with the key that was given, that this name belongs to this digest.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
