import type { Reporter } from '../spec/journal.ts';

/** Where text goes: a stream of the process, or a list in a test. */
export interface TextSink {
  write(text: string): unknown;
}

/** Each event as one line of JSON (NDJSON), as it stands in the journal. */
export function jsonReporter(to: TextSink): Reporter {
  return {
    event(event) {
      to.write(`${JSON.stringify(event)}\n`);
    },
    async end() {},
  };
}
