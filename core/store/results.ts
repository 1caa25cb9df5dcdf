import { join } from 'node:path';
import { canonicalJson, sha256 } from '../plan/canonical.ts';
import type { Result, ResultCache } from '../spec/port.ts';
import type { Disk } from './disk.ts';

/** `results/<fingerprint>`: one line of JSON with its own sha256 in front; what does not match is as good as not there. */
export function resultFolder(root: string, disk: Disk): ResultCache {
  const pathOf = (fingerprint: string): string => join(root, 'results', fingerprint.slice(0, 2), fingerprint);
  return {
    async find(fingerprint) {
      const text = disk.readText(pathOf(fingerprint));
      if (text === undefined) return undefined;
      const [sum = '', json = ''] = text.split('\n');
      if (sha256(json) !== sum) return undefined;
      const result = JSON.parse(json) as Result;
      return result.fingerprint === fingerprint ? result : undefined;
    },
    async record(result) {
      const path = pathOf(result.fingerprint);
      disk.makeFolder(join(path, '..'));
      const json = canonicalJson(result);
      disk.write(path, `${sha256(json)}\n${json}\n`);
    },
    async forget(fingerprint) {
      disk.remove(pathOf(fingerprint));
    },
  };
}
