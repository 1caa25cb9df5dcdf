import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type ArtifactKind, defineStage, type Ref } from '../index.ts';
import type { FactsOf } from '../spec/artifact.ts';

/** An artifact for a test, as a ref: pass it to a stage as the configuration would pass the result of another. `files`: by their relative paths. */
export function fixture<K extends ArtifactKind>(
  kind: K,
  facts: FactsOf<K>,
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Ref<K> {
  const make = defineStage({
    name: 'fixture',
    version: 1,
    inputs: {},
    options: {},
    output: kind as ArtifactKind,
    async run({ out }) {
      for (const [path, content] of Object.entries(files)) {
        await mkdir(dirname(join(out, path)), { recursive: true });
        await writeFile(join(out, path), content);
      }
      return facts as object;
    },
  });
  // The kind is the one that was given; only its type was widened above.
  return make({}) as unknown as Ref<K>;
}
