import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^modelflow$/, replacement: here('./core/index.ts') },
      { find: /^modelflow\/stages$/, replacement: here('./stages/index.ts') },
      { find: /^modelflow\/serve$/, replacement: here('./core/serve/index.ts') },
      { find: /^modelflow\/testing$/, replacement: here('./core/testing/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
    // Real tools take their time on two cold cores; a hang is still found.
    testTimeout: 120_000,
    hookTimeout: 300_000,
    pool: 'forks',
    // Many tests wait for servers, engines and clusters: with one at a time a machine of two cores would mostly be idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    env: { ORT_DISABLE_TELEMETRY: '1' },
  },
});
