import { parseArgs } from 'node:util';
import { askRouter } from './ask.ts';
import { serveRouter } from './serve.ts';
import { serveSupervised } from './supervised.ts';

// The router as a program. It is bundled into one file, which needs nothing but Node.
//
//   serve       listens on --port, with its own side on --admin-port
//   ask         asks the own side of a router that runs here: `ask GET /table`, `ask PUT /table < table.json`
//   supervised  started with a channel (fork): connections and tables come over it

const usage = `usage: router serve [--host 0.0.0.0] [--port 8080] [--admin-host 127.0.0.1] [--admin-port 9090] [--table FILE] [--seed FILE]
       router ask GET|PUT PATH [--admin-host 127.0.0.1] [--admin-port 9090] < BODY
MODELFLOW_ROUTER_TOKEN, when it is set, guards the admin port.`;

try {
  await main(process.argv.slice(2));
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

async function main(args: readonly string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      host: { type: 'string', default: '0.0.0.0' },
      port: { type: 'string', default: '8080' },
      'admin-host': { type: 'string', default: '127.0.0.1' },
      'admin-port': { type: 'string', default: '9090' },
      table: { type: 'string' },
      seed: { type: 'string' },
    },
  });
  const token = process.env['MODELFLOW_ROUTER_TOKEN'] || undefined;
  const admin = { adminHost: values['admin-host'], adminPort: portOf('admin-port', values['admin-port']) };
  const [command, method = 'GET', path = '/table'] = positionals;
  switch (command) {
    case 'serve': {
      const { host, table, seed } = values;
      return serve({ host, port: portOf('port', values.port), ...admin, table, seed, token, log });
    }
    case 'ask': {
      const where = { host: admin.adminHost, port: admin.adminPort, token, input: process.stdin, output: process.stdout };
      const status = await askRouter({ method, path, ...where });
      if (status >= 300) {
        log(`the router answered ${status}`);
        process.exitCode = 1;
      }
      return;
    }
    case 'supervised':
      return serveSupervised();
    default:
      throw new Error(usage);
  }
}

async function serve(options: Parameters<typeof serveRouter>[0]): Promise<void> {
  const running = await serveRouter(options);
  log(`the router listens on ${options.host}:${running.port}, its own side on ${options.adminHost}:${running.adminPort}`);
  let isStopping = false;
  const stop = (times: Parameters<typeof running.drain>[0]): void => {
    // Asked twice: now.
    if (isStopping) process.exit(130);
    isStopping = true;
    void running.drain(times).then(() => process.exit(0));
  };
  process.on('SIGTERM', () => stop({}));
  // Somebody sits in front of it and waits.
  process.on('SIGINT', () => stop({ lingerMs: 0, idleGraceMs: 0 }));
}

function portOf(name: string, text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`--${name} must be a port, not ${text}`);
  return port;
}

function log(line: string): void {
  process.stderr.write(`${line}\n`);
}
