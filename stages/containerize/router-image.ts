import type { Log } from '../../core/index.ts';
import { type BuiltImage, buildLayout, nonRoot } from './image.ts';
import { appEntries, environmentOn } from './programs.ts';

/** Where the router listens in its image: requests of clients, and its own side, which only the container itself reaches. */
export const routerPorts = { traffic: 8080, admin: 9090 } as const;

/** What `docker exec` and its like run in the router's image to ask the router something: add `GET /table`. */
export const askRouter = ['/app/node', '/app/router.js', 'ask'] as const;

/**
 * Builds the image of the router as an OCI layout in `oci`: base and one file. It serves by the table in /state/table.json, on which a target
 * mounts a volume; further arguments are taken.
 */
export function routerImage(given: {
  readonly oci: string;
  readonly name?: string;
  readonly base?: string;
  readonly signal: AbortSignal;
  readonly log: Log;
}): Promise<BuiltImage> {
  const { oci, name = 'modelflow/router', base = 'host', signal, log } = given;
  return buildLayout(
    oci,
    {
      name,
      base,
      layers: async (base) => [
        ['app', [...base.parts, ...(await appEntries(['router'], base)), { path: 'state', kind: 'folder', mode: 0o777 }]],
      ],
      config: (on) => ({
        architecture: on.architecture,
        user: nonRoot,
        env: environmentOn(on),
        entrypoint: ['/app/node', '/app/router.js'],
        command: [
          'serve',
          '--host',
          '0.0.0.0',
          '--port',
          '8080',
          '--admin-host',
          '127.0.0.1',
          '--admin-port',
          '9090',
          '--table',
          '/state/table.json',
        ],
        workingFolder: '/app',
        port: routerPorts.traffic,
        labels: { 'org.opencontainers.image.title': 'modelflow router', 'org.opencontainers.image.base.name': base },
        healthCheck: ['/app/node', '/app/router.js', 'ask', 'GET', '/live'],
      }),
    },
    { signal, log },
  );
}
