import { z } from '../../../core/index.ts';

const namePart = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const keyPart = '[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';

/** The name of an object of Kubernetes. */
export const name = z
  .string()
  .regex(new RegExp(`^${namePart}(\\.${namePart})*$`), 'A name in lower case: letters, digits, dash and dot')
  .max(253);
/** The key of a label, an annotation, a taint or a resource. */
export const key = z.string().regex(new RegExp(`^(${namePart}(\\.${namePart})*/)?${keyPart}$`), 'A key such as `team` or `acme.com/team`');
export const labels = z
  .record(
    key,
    z
      .string()
      .regex(new RegExp(`^(${keyPart})?$`), 'Letters, digits, dash, dot and underscore, beginning and ending with a letter or digit')
      .max(63),
  )
  .refine((given) => Object.keys(given).every((each) => !isOurs(each)), { message: 'Labels of modelflow itself cannot be set' });
export const annotations = z
  .record(key, z.string())
  .default({})
  .refine((given) => Object.keys(given).every((each) => !isOurs(each)), { message: 'Annotations of modelflow itself cannot be set' });
export const port = z.int().min(1).max(65_535);
export const seconds = z.int().min(0);
export const quantities = z.record(
  key,
  z.string().regex(/^\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$/, 'A quantity such as `500m`, `2` or `1Gi`, as text'),
);

function isOurs(key: string): boolean {
  return key.startsWith('modelflow.dev/') || key === 'app.kubernetes.io/managed-by';
}
