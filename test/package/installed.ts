import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('../../', import.meta.url));

/** What `npm pack` has put into a tarball. */
export interface Packed {
  /** The tarball, absolute. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly files: readonly string[];
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The package as a user has it: installed from its tarball in a folder that has nothing to do with the repository. */
export interface Installed {
  /** The project, with `modelflow` and Node 24 in its node_modules. */
  readonly root: string;
  /** Runs a program of node_modules/.bin by name, as `npx` and npm scripts do, with the Node of the project. */
  run(cwd: string, program: string, ...args: readonly string[]): Promise<Finished>;
  /** `npx`, which must find it in the project. */
  npx(...args: readonly string[]): Promise<Finished>;
  /** The same with the programs of the project not on the PATH: what happens under another Node. */
  runWith(node: string, ...args: readonly string[]): Promise<Finished>;
}

/** A folder of its own in the system's temporary folder. */
export function temporaryFolder(): string {
  return realpathSync(mkdtempSync(join(tmpdir(), 'modelflow-package-')));
}

export function write(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** Packs what is built, as it would be published. */
export async function pack(folder: string): Promise<Packed> {
  const { stdout } = await finish('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], repository, outside());
  const [packed] = JSON.parse(stdout) as readonly { filename: string; size: number; files: readonly { path: string }[] }[];
  if (packed === undefined) throw new Error(`npm pack said ${stdout}`);
  return { path: join(folder, packed.filename), sizeBytes: packed.size, files: packed.files.map((file) => file.path) };
}

/** Installs packages into a folder that becomes a project. */
export async function install(root: string, ...packages: readonly string[]): Promise<void> {
  write(root, { 'package.json': '{ "name": "a-project", "private": true }\n' });
  // No CUDA libraries: what they need is not on every network.
  const env = { ...outside(), ONNXRUNTIME_NODE_INSTALL: 'skip' };
  const done = await finish('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], root, env);
  if (done.code !== 0) throw new Error(`npm install ended with ${done.code}:\n${done.stderr}`);
}

export function installedIn(root: string, cacheFolder: string): Installed {
  const own = join(root, 'node_modules', '.bin');
  const env = { ...outside(), MODELFLOW_CACHE: cacheFolder };
  return {
    root,
    run: (cwd, program, ...args) => finish(join(own, program), args, cwd, { ...env, PATH: `${own}${delimiter}${env.PATH}` }),
    npx: (...args) => finish('npx', ['--no-install', ...args], root, env),
    runWith: (node, ...args) => finish(node, [join(own, 'modelflow'), ...args], root, env),
  };
}

/** A Node older than 22: one on the PATH, or one that npm brings into `folder`. */
export async function oldNode(folder: string): Promise<string> {
  const onPath = outside()
    .PATH.split(delimiter)
    .map((each) => join(each, 'node'));
  const found = onPath.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() && majorOf(path) < 22);
  if (found !== undefined) return found;
  await install(folder, 'node@20');
  return join(folder, 'node_modules', '.bin', 'node');
}

function majorOf(node: string): number {
  return Number.parseInt(execFileSync(node, ['--version'], { encoding: 'utf8' }).slice(1), 10);
}

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** The surroundings without what the repository and the test runner have put there: a user has none of it. */
function outside(): NodeJS.ProcessEnv & { readonly PATH: string } {
  const kept = Object.entries(process.env).filter(
    ([name]) =>
      !/^(CI|GITHUB_.*|npm_.*|INIT_CWD|NODE|NODE_OPTIONS|NODE_PATH|NODE_ENV|FORCE_COLOR|NO_COLOR|ORT_.*|MODELFLOW_.*|VITEST.*)$/.test(name),
  );
  const path = (process.env['PATH'] ?? '')
    .split(delimiter)
    .filter((folder) => !folder.includes('node_modules') && !folder.includes('_npx'));
  return { ...Object.fromEntries(kept), PATH: path.join(delimiter) };
}

function finish(program: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<Finished> {
  return new Promise((resolve, reject) => {
    execFile(program, [...args], { cwd, env, maxBuffer: 64e6 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== 'number') reject(error);
      else resolve({ code: typeof error?.code === 'number' ? error.code : 0, stdout, stderr });
    });
  });
}
