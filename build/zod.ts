import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

const require = createRequire(import.meta.url);
const ours = require.resolve('zod').replace(/index\.cjs$/, '');

/** What `import … from 'zod'` means in a configuration: the zod that modelflow itself uses. */
export const zodEntry = `${ours}index.js`;

/**
 * zod exports the messages of sixty languages from its main module, a quarter of the time it takes to load. English stays;
 * each other one is still there under its name, and is read from the installed package when it is called.
 */
export const sharedZod: Plugin = {
  name: 'shared-zod',
  setup(builder) {
    builder.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const names = [...text.matchAll(/export \{ default as (\w+) \} from "\.\/([\w-]+)\.js"/g)];
      if (names.length !== text.trim().split('\n').length) throw new Error(`${path} is not a list of languages any more`);
      const others = names.map(([, name, file]) =>
        name === 'en' ? `export { default as en } from './en.js';` : `export const ${name} = () => read('zod/v4/locales/${file}.cjs')();`,
      );
      return {
        contents: `import { createRequire } from 'node:module';\nconst read = (name) => createRequire(import.meta.url)(name);\n${others.join('\n')}\n`,
        loader: 'js',
      };
    });
  },
};
