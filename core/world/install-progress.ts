import { basename } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import type { Log } from '../spec/port.ts';

/** Follows the output of an installer. */
export interface InstallWatch {
  line(line: string): void;
  /** The last lines, for the detail of a failure. */
  last(): readonly string[];
}

const keptLines = 25;

/** Tells the log what uv or pip is doing while they install for `what`. */
export function watchInstall(log: Log, what: string): InstallWatch {
  const kept: string[] = [];
  const tell = progressOf(log, what);
  return {
    line(raw) {
      const line = stripVTControlCharacters(raw).trimEnd();
      if (line === '') return;
      kept.push(line);
      if (kept.length > keptLines) kept.shift();
      tell(line);
    },
    last: () => [...kept],
  };
}

/** uv: `Resolved 41 packages in …`, `Downloading numpy (15.6MiB)`, ` Downloaded numpy`, `Prepared …`. pip: `Collecting numpy==…` or `Processing …/numpy-….whl`, `Installing collected packages: …`. */
function progressOf(log: Log, what: string): (line: string) => void {
  const sizes = new Map<string, number>();
  const done = new Set<string>();
  let packages = '';
  let collected = 0;
  const sum = (names: Iterable<string>): number => [...names].reduce((total, name) => total + (sizes.get(name) ?? 0), 0);
  const downloads = (): void => {
    const waiting = [...sizes.keys()].filter((name) => !done.has(name)).sort((a, b) => (sizes.get(b) ?? 0) - (sizes.get(a) ?? 0));
    const now = waiting.length > 0 ? `, downloading ${waiting[0]}${waiting.length > 1 ? ` and ${waiting.length - 1} more` : ''}` : '';
    log.progress(0.9 * (sum(done) / Math.max(1, sum(sizes.keys()))), `installing ${packages}for ${what}${now}`);
  };
  return (line) => {
    const [word = '', second = ''] = line.trim().split(/\s+/);
    const size = /^Downloading (\S+) \(([\d.]+)([KMG])iB\)/.exec(line.trim());
    if (size?.[1] && size[2] && size[3]) {
      sizes.set(size[1], Number(size[2]) * { K: 1, M: 1024, G: 1024 * 1024 }[size[3] as 'K' | 'M' | 'G']);
      downloads();
    } else if (word === 'Downloaded') {
      done.add(second);
      downloads();
    } else if (word === 'Resolved') {
      packages = `${second} package${second === '1' ? '' : 's'} `;
      log.progress(undefined, `installing ${packages}for ${what}`);
    } else if (word === 'Collecting' || word === 'Processing') {
      collected += 1;
      log.progress(undefined, `installing for ${what}: package ${collected}, ${basename(second).split(/[=<>!~[;]|-\d/)[0]}`);
    } else if (word === 'Prepared' || (word === 'Installing' && second === 'collected')) {
      log.progress(0.95, `installing ${packages}for ${what}, unpacking`);
    }
  };
}
