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
} as const satisfies Record<`MF${number}`, CodeEntry>;
