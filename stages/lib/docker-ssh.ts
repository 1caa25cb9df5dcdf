import { type ChildProcess, spawn } from 'node:child_process';
import { Agent } from 'node:http';
import { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import type { Endpoint } from './docker-endpoint.ts';

/** Connections to an engine through the user's own `ssh`, so that its configuration, keys and known hosts count. */
export interface SshConnections {
  readonly agent: Agent;
  /** What `ssh` said last, if anything: why there is no connection. Waits a moment for one that is ending. */
  problem(): Promise<string | undefined>;
}

const keptCharacters = 2_000;
const endsWithinMs = 2_000;

export function connectionsOverSsh(via: Extract<Endpoint['via'], { readonly by: 'ssh' }>): SshConnections {
  const said: { text: string; ended: Promise<unknown> } = { text: '', ended: Promise.resolve() };
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  // Ends with its input, hence with this process, however that ends.
  agent.createConnection = (_options, callback) => {
    const ssh = spawn('ssh', argumentsFor(via), { stdio: ['pipe', 'pipe', 'pipe'], detached: false });
    ssh.stderr.setEncoding('utf8').on('data', (text: string) => {
      said.text = `${said.text}${text}`.slice(-keptCharacters);
    });
    said.ended = new Promise((resolve) => ssh.on('close', resolve).on('error', resolve));
    const stream = asStream(ssh, (error) => {
      said.text ||= error.message;
    });
    queueMicrotask(() => callback?.(null, stream));
    return stream;
  };
  return {
    agent,
    async problem() {
      await Promise.race([said.ended, pause(endsWithinMs, undefined, { ref: false })]);
      return said.text.trim().split('\n').at(-1) || undefined;
    },
  };
}

/** The destination cannot be taken for an option, whatever it begins with. */
function argumentsFor({ destination, port, socket }: Extract<Endpoint['via'], { readonly by: 'ssh' }>): readonly string[] {
  const options = ['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=15', ...(port ? ['-p', port] : [])];
  const host = socket ? ['--host', `unix://${socket}`] : [];
  return [...options, '--', destination, 'docker', ...host, 'system', 'dial-stdio'];
}

function asStream(
  child: ChildProcess & { stdin: NodeJS.WritableStream; stdout: NodeJS.ReadableStream },
  note: (error: Error) => void,
): Duplex {
  const stream = Duplex.from({ writable: child.stdin, readable: child.stdout });
  child.on('error', (error) => {
    note(error);
    stream.destroy(error);
  });
  // What HTTP asks of a socket, and a pipe has no notion of.
  return Object.assign(stream, {
    setKeepAlive: () => stream,
    setNoDelay: () => stream,
    setTimeout: () => stream,
    ref: () => stream,
    unref: () => stream,
  });
}
