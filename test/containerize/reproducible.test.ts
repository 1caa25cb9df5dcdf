import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, cp, mkdir, readdir, utimes } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type Facts, imageRig, type Rig } from './image-rig.ts';

const program = fileURLToPath(new URL('./build-once.ts', import.meta.url));
const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
/** Brought by `.ci/daemons`, as it is not the Node that runs the tests. */
const otherNode = join(cache, 'modelflow-test/node22/node_modules/node/bin/node');

interface Circumstances {
  readonly node?: string;
  readonly umask?: string;
  readonly user?: number;
}

/** Builds with nothing remembered: from another path, at other times, by another process. */
async function buildAs(
  rig: Rig,
  bundle: string,
  name: string,
  { node = process.execPath, umask = '022', user }: Circumstances,
): Promise<Facts> {
  const place = join(rig.folder, name);
  await mkdir(join(place, 'out'), { recursive: true });
  await cp(bundle, join(place, 'bundle'), { recursive: true });
  for (const file of await readdir(join(place, 'bundle')))
    await utimes(join(place, 'bundle', file), new Date(name.length * 1e11), new Date(5));
  if (user !== undefined) {
    await chmod(rig.folder, 0o755);
    for (const path of await readdir(place, { recursive: true })) await chown(join(place, path), user, user);
    await chown(place, user, user);
  }
  const command = `umask ${umask}; exec "$0" "$@"`;
  const env = { ...process.env, MODELFLOW_CACHE: join(place, 'cache'), TZ: 'Asia/Tokyo', NODE_OPTIONS: '' };
  const asUser = user === undefined ? {} : { uid: user, gid: user };
  const { stdout } = await promisify(execFile)('sh', ['-c', command, node, program, join(place, 'bundle'), join(place, 'out')], {
    env,
    ...asUser,
  });
  return JSON.parse(stdout) as Facts;
}

test('the same inputs give the same digest from another path, with another umask, by another user, at another time, and without a cache', async () => {
  const rig = await imageRig();
  const model = await rig.bundle();
  const { facts } = await rig.build(model);
  const user = process.getuid?.() === 0 ? 65_534 : undefined;
  const again = await buildAs(rig, model.path, 'elsewhere', { umask: '077', ...(user === undefined ? {} : { user }) });
  expect(again).toEqual(facts);
});

test.skipIf(!existsSync(otherNode))(
  'another Node makes the same layers, but for a base that is made of it (skipped where there is no Node 22)',
  async () => {
    const rig = await imageRig();
    const model = await rig.bundle();
    const { facts } = await rig.build(model);
    const other = await buildAs(rig, model.path, 'other', { node: otherNode });
    expect(other.layers.slice(1)).toEqual(facts.layers.slice(1));
    expect(other.layers[0]).not.toEqual(facts.layers[0]);
  },
);
