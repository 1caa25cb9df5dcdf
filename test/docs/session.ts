import { execFile } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { testDocker } from '../support/engines.ts';
import { cliPath } from '../support/rig.ts';
import type { Preparation } from './page.ts';

/** A folder in which a page is tried out: its files are written there and its commands run there, in the order of the page. */
export interface Session {
  readonly folder: string;
  prepare(what: Preparation): Promise<void>;
  write(name: string, text: string): void;
  /** What a shell makes of a script that stops at the first failure: what it said, or an error with all of it. */
  run(script: string): Promise<string>;
  end(): Promise<void>;
}

/**
 * `store` is shared, so that what one page has made need not be made again for the next, but not its history: each page is the first its reader
 * sees. `port` stands for the ports 8080 and 8081.
 */
export function beginSession(root: string, store: string, port: number): Session {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'modelflow-docs-')));
  rmSync(join(store, 'runs'), { recursive: true, force: true });
  const bin = join(folder, '.bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'modelflow'), `#!/bin/sh\nexec '${process.execPath}' '${cliPath}' "$@"\n`);
  chmodSync(join(bin, 'modelflow'), 0o755);
  const kept = Object.entries(process.env).filter(([name]) => !/^(CI|GITHUB_.*|npm_.*|VITEST.*|NODE_OPTIONS|FORCE_COLOR)$/.test(name));
  const docker = testDocker();
  const env = {
    ...Object.fromEntries(kept),
    ...(docker === undefined ? {} : { DOCKER_HOST: docker }),
    MODELFLOW_STORE: store,
    NO_COLOR: '1',
    PATH: [bin, dirname(process.execPath), process.env['PATH']].join(delimiter),
  };
  const withPort = (text: string): string => text.replaceAll(/\b808[01]\b/g, String(port));
  const shell = (script: string): Promise<string> =>
    new Promise((resolve, reject) => {
      execFile('sh', ['-euc', `exec 2>&1\n${withPort(script)}`], { cwd: folder, env, maxBuffer: 64e6 }, (error, stdout) => {
        if (error) reject(new Error(`\`${script.trim()}\` ended with ${error.code}:\n${stdout}`));
        else resolve(stdout);
      });
    });
  const write = (name: string, text: string): void => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), withPort(text));
  };
  const run = async (script: string): Promise<string> => {
    const said = await shell(script);
    const config = join(folder, 'deploy.config.ts');
    // `modelflow init` writes the usual port.
    if (existsSync(config)) writeFileSync(config, withPort(readFileSync(config, 'utf8')));
    return said;
  };
  return {
    folder,
    run,
    write,
    async prepare(what) {
      if ('run' in what) await run(what.run);
      else if (what.copy === 'deploy.config.ts') write(what.copy, readFileSync(join(root, what.copy), 'utf8'));
      else {
        const [from = '', to = what.copy] = what.copy.split(' to ');
        cpSync(join(root, from), join(folder, to === '.' ? basename(from) : to), { recursive: true });
      }
    },
    async end() {
      await run('if [ -e deploy.config.ts ]; then modelflow down; fi');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What commands print, without what differs from run to run: times, digests, sizes of gaps, ports. A `…` of the page stands for any text. */
export function sameOutput(shown: string, printed: string): boolean {
  const plain = (text: string): string =>
    text
      .replaceAll(/\b\d+(\.\d+)? (ms|s|min)\b/g, 'TIME')
      .replaceAll(/\b[0-9a-f]{12}\b/g, 'DIGEST')
      .replaceAll(/127\.0\.0\.1:\d+/g, 'ADDRESS')
      .replaceAll(/[ \t]+/g, ' ')
      .replaceAll(/ ?\n ?/g, '\n')
      .trim();
  const quoted = plain(shown).replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const pattern = quoted.replaceAll(/(^|\n)…(?=\n|$)/g, '[\\s\\S]*?').replaceAll('…', '[^\\n]*');
  return new RegExp(`^\\s*${pattern}\\s*$`).test(plain(printed));
}
