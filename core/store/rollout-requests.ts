import { join } from 'node:path';
import type { RolloutRequest, RolloutRequests } from '../spec/rollout-request.ts';
import type { Disk } from './disk.ts';

/** Requests as files of one pipeline and profile: each is there whole, or not at all. */
export function rolloutRequests(folder: string, disk: Disk): RolloutRequests {
  const file = (id: string): string => join(folder, `${id}.json`);
  return {
    leave(request) {
      disk.makeFolder(folder);
      disk.write(file(request.id), JSON.stringify(request));
    },
    pending({ target, service }) {
      return disk
        .list(folder)
        .flatMap((name) => (name.endsWith('.json') ? (requestIn(disk.readText(join(folder, name))) ?? []) : []))
        .filter((each) => each.target === target && each.service === service)
        .sort((one, other) => one.at.localeCompare(other.at));
    },
    remove: (id) => disk.remove(file(id)),
  };
}

function requestIn(text: string | undefined): RolloutRequest | undefined {
  if (text === undefined) return undefined;
  try {
    const found = JSON.parse(text) as Partial<RolloutRequest> | null;
    return typeof found?.id === 'string' && (found.what === 'promote' || found.what === 'abort') ? (found as RolloutRequest) : undefined;
  } catch {
    // Something else wrote it; nobody is asked for anything.
    return undefined;
  }
}
