import { z } from 'zod';
import { defineRemoteStore } from '../../spec/remote.ts';

/**
 * A bucket of Amazon S3 or of anything that speaks its language, with conditional writes. Credentials and, unless given, the region come
 * from where the AWS tools look for them. Needs `@aws-sdk/client-s3`.
 */
export const s3 = defineRemoteStore({
  name: 's3',
  settings: {
    bucket: z.string().min(1).describe('the bucket; it must be there'),
    prefix: z
      .string()
      .regex(/^([^/]+(\/[^/]+)*)?$/, 'expected names with slashes between them')
      .default('')
      .describe('put before every key, so that a bucket can hold other things'),
    region: z.string().min(1).optional().describe('the region of the bucket'),
    endpoint: z.url().optional().describe('the address of a server that is not Amazon’s'),
    forcePathStyle: z.boolean().optional().describe('the bucket in the path instead of the host name; so by default with `endpoint`'),
  },
  place: ({ bucket, prefix }) => `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`,
  open: async (settings) => (await import('./s3-client.ts')).openS3(settings),
});
