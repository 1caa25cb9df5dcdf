import type { CodeEntry } from './code-entry.ts';

/** Of container images and registries. */
export const imageCodes = {
  MF3210: {
    title: 'A part of the image is not here',
    exit: 1,
    explain: 'A program or a package that the image consists of is not where modelflow is installed. The message names it.',
  },
  MF3211: {
    title: 'No image can be made of the Node that runs here',
    exit: 1,
    explain:
      'The base `host` consists of the running Node and the libraries it is linked with, so that Node has to be a program for Linux on amd64 or arm64 with the GNU C library. Anywhere else, name an image to build on.',
  },
  MF3212: {
    title: 'The base has not the C library it takes',
    exit: 1,
    explain:
      'The serving runtime is made for the GNU C library, of the version that the message names or newer. An image on musl (Alpine) or without a C library cannot run it.',
  },
  MF3213: {
    title: 'The Node in the base is too old',
    exit: 1,
    explain:
      'The server needs Node 22.19 or a newer 22, or 24 and newer. Take a newer tag of the base, or a base without Node: then the Node that runs modelflow is added.',
  },
  MF3214: {
    title: 'The base is for another platform',
    exit: 1,
    explain: 'The image is built for the platform of this machine unless `platform` says otherwise, and its base has to be for the same.',
  },
  MF3215: {
    title: 'A Dockerfile is built by Docker only',
    exit: 2,
    explain:
      'The builder `oci` packs layers; it runs no steps. With a Dockerfile of your own, choose a Docker engine as the builder, or leave the builder out.',
  },
  MF3216: {
    title: 'The Docker build failed',
    exit: 1,
    explain: 'A step of the Dockerfile failed in the engine. The last lines of the build follow; the step that failed is the last one.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
