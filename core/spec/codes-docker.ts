import type { CodeEntry } from './code-entry.ts';

/** Of the Docker target. */
export const dockerCodes = {
  MF5200: {
    title: 'This user may not talk to the Docker engine',
    exit: 8,
    explain:
      'The engine is there, and its socket or its TLS listener refused this user. On Linux, members of the group `docker` may use the socket; whoever may is as good as root on that machine.',
  },
  MF5201: {
    title: 'The Docker engine is too old',
    exit: 2,
    explain: 'The engine speaks an API older than 1.41, which came with Docker 20.10 at the end of 2020.',
  },
  MF5202: {
    title: 'It cannot be told where the Docker engine is',
    exit: 2,
    explain:
      'The setting `engine`, the variables DOCKER_HOST and DOCKER_CONTEXT, or the Docker configuration name an engine in a way that cannot be followed: no such context, an address of an unknown sort, or certificates that cannot be read.',
  },
  MF5203: {
    title: 'The Docker engine refused',
    exit: 1,
    explain: 'The engine answered a request with an error, which the message repeats. What was live before goes on serving.',
  },
  MF5204: {
    title: 'The image is for another platform',
    exit: 1,
    explain: 'The engine runs images of its own operating system and processor only. Build the image for the platform that is named.',
  },
  MF5205: {
    title: 'A name is taken by something that is not ours',
    exit: 1,
    explain:
      'A container, network or volume with the name that modelflow would take exists and carries no label of this service. It is not touched.',
  },
  MF5206: {
    title: 'The container ended before it was ready',
    exit: 1,
    explain:
      'The server in the container exited by itself. The exit code and its last lines are shown. The release that was live goes on serving.',
  },
  MF5207: {
    title: 'The container was killed for want of memory',
    exit: 1,
    explain: 'The kernel ended the server because it used more memory than the setting `memory` allows, or than the machine has.',
  },
  MF5208: {
    title: 'The disk of the Docker engine is full',
    exit: 1,
    explain: 'The engine could not store the image or a container. `docker system df` tells what takes the space.',
  },
  MF5209: {
    title: 'The engine could not pull the image',
    exit: 1,
    explain: 'With `pull: true` the engine gets the image from the registry by itself. Its answer is shown.',
  },
  MF5210: {
    title: 'A container cannot be made again as it was',
    exit: 1,
    explain:
      'A container of a release that has to stay is gone, and its settings name a secret whose value is not at hand any more. Deploy the release again.',
  },
  MF5211: {
    title: 'The router does not answer',
    exit: 1,
    explain: 'The container that splits the traffic of a service runs, but could not be asked or told. Its last lines are shown.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
