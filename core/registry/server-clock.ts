/** The clock of a server, by the `Date` of its answers. */
export interface ServerClock {
  heard(date: string | null | undefined): void;
  now(): Date | undefined;
}

export function serverClock(): ServerClock {
  let last: { readonly serverMs: number; readonly oursMs: number } | undefined;
  return {
    heard(date) {
      const serverMs = Date.parse(date ?? '');
      if (!Number.isNaN(serverMs)) last = { serverMs, oursMs: performance.now() };
    },
    now: () => last && new Date(last.serverMs + performance.now() - last.oursMs),
  };
}
