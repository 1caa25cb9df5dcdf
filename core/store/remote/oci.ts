import { z } from 'zod';
import { defineRemoteStore } from '../../spec/remote.ts';

/**
 * A repository of a container registry. Artifacts are OCI artifacts there, one layer a file, so that `oras pull` gets them.
 * Credentials come from Docker's configuration and its helpers.
 */
export const oci = defineRemoteStore({
  name: 'oci',
  settings: {
    repository: z
      .string()
      .regex(/^[^/]+\/[a-z0-9]+([._/-]+[a-z0-9]+)*$/, 'expected a registry and a repository, such as registry.example/team/models')
      .describe('the registry and the repository in it'),
    insecure: z.boolean().default(false).describe('HTTP instead of HTTPS'),
  },
  place: ({ repository }) => `oci://${repository}`,
  open: async (settings) => (await import('./oci-client.ts')).openOci(settings),
});
