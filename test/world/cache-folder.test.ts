import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { userCacheFolder } from '../../core/world/cache-folder.ts';

test('the cache folder is the one that was named, or the one that the system has for caches', () => {
  expect(userCacheFolder({ MODELFLOW_CACHE: 'here', XDG_CACHE_HOME: '/x', HOME: '/h' }, 'linux')).toBe(resolve('here'));
  expect(userCacheFolder({ XDG_CACHE_HOME: '/x', HOME: '/h' }, 'linux')).toBe('/x/modelflow');
  expect(userCacheFolder({ XDG_CACHE_HOME: 'relative', HOME: '/h' }, 'linux')).toBe('/h/.cache/modelflow');
  expect(userCacheFolder({ HOME: '/h' }, 'darwin')).toBe('/h/Library/Caches/modelflow');
  expect(userCacheFolder({}, 'linux')).toBe(join(homedir(), '.cache', 'modelflow'));
});
