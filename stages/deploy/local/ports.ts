import { readdir, readFile, readlink } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { type Diagnostic, ModelflowError } from '../../../core/index.ts';

/** Listens; connections come paused, so that not one byte is read before a server process has them. Throws MF5003 or MF5001. */
export async function listenOn(host: string, port: number): Promise<Server> {
  const server = createServer({ pauseOnConnect: true });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, backlog: 1024 }, resolve);
    });
  } catch (error) {
    throw new ModelflowError(await cannotListen(error as NodeJS.ErrnoException, host, port), { cause: error });
  }
  server.removeAllListeners('error');
  return server;
}

/** Undefined when the port could be taken now. */
export async function portProblem(host: string, port: number): Promise<Diagnostic | undefined> {
  try {
    const server = await listenOn(host, port);
    await new Promise((resolve) => server.close(resolve));
    return undefined;
  } catch (error) {
    if (error instanceof ModelflowError && error.diagnostics[0] !== undefined) return error.diagnostics[0];
    throw error;
  }
}

export function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return address.port;
}

async function cannotListen(error: NodeJS.ErrnoException, host: string, port: number): Promise<Diagnostic> {
  if (error.code === 'EADDRINUSE') {
    const holder = await holderOf(port).catch(() => undefined);
    return {
      code: 'MF5003',
      severity: 'error',
      message: `port ${port} on ${host} is in use${holder ? ` by process ${holder.pid}: ${holder.command}` : ''}`,
      hint: holder ? holderHint(holder) : 'Stop what listens there, or give the target another `port`.',
    };
  }
  const why = { EACCES: 'this user may not take it', EADDRNOTAVAIL: 'this machine has no such address', ENOTFOUND: 'no such host' };
  const known = why[error.code as keyof typeof why];
  return {
    code: 'MF5001',
    severity: 'error',
    message: `cannot listen on ${host}:${port}: ${known ?? error.message}`,
    hint: error.code === 'EACCES' ? 'Take a port from 1024 upwards.' : 'Give the target another `host` or `port`.',
  };
}

interface Holder {
  readonly pid: number;
  readonly command: string;
  /** When it is a service of modelflow itself: its name, and the folder of its state. */
  readonly service?: { readonly name: string; readonly folder: string };
}

function holderHint({ pid, service }: Holder): string {
  if (!service) return `Stop it (kill ${pid}), or give the target another \`port\`.`;
  return `That is modelflow's service \`${service.name}\`, whose state is in ${service.folder}. Stop it with \`modelflow down\` in its project, or give the target another \`port\`.`;
}

/** Who listens on a TCP port. Only Linux tells, and only of processes this user may look at. */
export async function holderOf(port: number): Promise<Holder | undefined> {
  const inodes = new Set((await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((path) => listenersIn(path, port)))).flat());
  if (inodes.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const links = await Promise.all(files.map((file) => readlink(`/proc/${pid}/fd/${file}`).catch(() => '')));
    if (!links.some((target) => inodes.has(target))) continue;
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
    const command = words.join(' ').trim();
    const [, program = '', folder, name] = words;
    return {
      pid: Number(pid),
      command: command.length > 120 ? `${command.slice(0, 119)}…` : command,
      ...(isSupervisor.test(program) && folder && name ? { service: { name, folder } } : {}),
    };
  }
  return undefined;
}

const isSupervisor = /[/\\]supervisor-main\.[jt]s$/;

async function listenersIn(path: string, port: number): Promise<readonly string[]> {
  const lines = (await readFile(path, 'utf8').catch(() => '')).split('\n').slice(1);
  return lines.flatMap((line) => {
    const fields = line.trim().split(/\s+/);
    const isListening = fields[3] === '0A';
    const local = Number.parseInt(fields[1]?.split(':')[1] ?? '', 16);
    return isListening && local === port ? [`socket:[${fields[9]}]`] : [];
  });
}
