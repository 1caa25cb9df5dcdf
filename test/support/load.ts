import { Agent, request } from 'node:http';

export interface LoadOptions {
  readonly path?: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly requestsPerSecond?: number;
  /** Without: each request over a connection of its own. */
  readonly isKeptAlive?: boolean;
  readonly timeoutMs?: number;
  /** What is wrong with an answer, if anything is. */
  readonly judge?: (text: string) => string | undefined;
}

export interface Tally {
  readonly sent: number;
  readonly ok: number;
  /** One line for every request that was refused, reset, too late, or answered with anything but 200. */
  readonly lost: readonly string[];
}

export interface Load {
  /** Resolves when this many more requests have been answered, or lost. */
  answered(count: number): Promise<void>;
  /** Sends nothing more, waits for the last answer, and tells. */
  stop(): Promise<Tally>;
}

/** Sends requests at a steady rate, whatever becomes of those before. */
export function loadOn(url: string, options: LoadOptions = {}): Load {
  const { path = '/predict', body, headers = {}, requestsPerSecond = 50, isKeptAlive = true, timeoutMs = 20_000, judge } = options;
  const agent = isKeptAlive ? new Agent({ keepAlive: true, maxSockets: 50 }) : undefined;
  const lost: string[] = [];
  const open = new Set<Promise<void>>();
  let [sent, ok, ended] = [0, 0, 0];
  let waiting: { readonly until: number; readonly resolve: () => void }[] = [];
  const one = (): Promise<void> =>
    new Promise((resolve) => {
      const at = new Date().toISOString();
      let isOver = false;
      const over = (problem: string | undefined): void => {
        if (isOver) return;
        isOver = true;
        if (problem === undefined) ok++;
        else lost.push(`${at} ${problem}`);
        resolve();
      };
      const asked = request(
        new URL(path, url),
        {
          method: body === undefined ? 'GET' : 'POST',
          agent: agent ?? false,
          timeout: timeoutMs,
          headers: { 'content-type': 'application/json', ...headers },
        },
        (answer) => {
          let text = '';
          answer.setEncoding('utf8').on('data', (piece: string) => {
            text += piece;
          });
          answer.on('error', (error) => over(`answer broken off: ${error.message}`));
          answer.on('end', () => over(answer.statusCode === 200 ? judge?.(text) : `status ${answer.statusCode}: ${text.slice(0, 200)}`));
        },
      );
      asked.on('timeout', () => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)));
      asked.on('error', (error) => over(error.message));
      asked.end(body);
    });
  const timer = setInterval(() => {
    sent++;
    const doing = one().then(() => {
      ended++;
      open.delete(doing);
      for (const each of waiting.filter(({ until }) => ended >= until)) each.resolve();
      waiting = waiting.filter(({ until }) => ended < until);
    });
    open.add(doing);
  }, 1000 / requestsPerSecond);
  return {
    answered: (count) => new Promise((resolve) => waiting.push({ until: ended + count, resolve })),
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      agent?.destroy();
      return { sent, ok, lost };
    },
  };
}
