import type { NewEvent } from '../spec/event.ts';

/** Keeps known secrets out of what is written. It starts with none, and then all that is said passes through it. */
export interface Redactor {
  add(name: string, value: string): void;
  /** The text with each secret, also in the usual encodings, replaced by `[secret NAME]`. */
  text(text: string): string;
  /** An event with what is said in it redacted. Names and digests stay: they are made before any secret is read, and a short one may look like a part of them. */
  event<E extends NewEvent>(event: E): E;
  /** The name of a secret in these bytes, if there is one. */
  find(bytes: Uint8Array): string | undefined;
  /** Bytes of the longest form that is looked for; 0 while there is none. */
  readonly longestBytes: number;
}

/** The fields of events that hold what a stage, a target or a tool said. */
const saidIn: ReadonlySet<string> = new Set(['line', 'doing', 'message', 'hint', 'detail', 'why', 'text']);

/** A line of a key or a certificate is secret by itself, as logs come in lines; one shorter than this says nothing. */
const shortestLine = 8;

export function redactor(): Redactor {
  const forms = new Map<string, string>();
  let search: RegExp | undefined;
  const text = (given: string): string => (search ? given.replace(search, (found) => `[secret ${forms.get(found)}]`) : given);
  const said = (value: unknown, isSaid: boolean): unknown => {
    if (typeof value === 'string') return isSaid ? text(value) : value;
    if (Array.isArray(value)) return value.map((item) => said(item, isSaid));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, said(item, isSaid || saidIn.has(key))]));
  };
  return {
    add(name, value) {
      for (const form of formsOf(value)) if (!forms.has(form)) forms.set(form, name);
      if (forms.size === 0) return;
      // The longest first: one secret may begin with another.
      const longestFirst = [...forms.keys()].sort((a, b) => b.length - a.length);
      search = new RegExp(longestFirst.map((form) => escaped(form)).join('|'), 'g');
    },
    text,
    event: (event) => (search ? (said(event, false) as typeof event) : event),
    find(bytes) {
      const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return [...forms].find(([form]) => haystack.includes(form))?.[1];
    },
    get longestBytes() {
      return Math.max(0, ...[...forms.keys()].map((form) => Buffer.byteLength(form)));
    },
  };
}

/** A secret as it may be met: as it is, line by line, inside JSON, in base64 (also of a longer text), in hex, in a URL. */
function formsOf(value: string): readonly string[] {
  const lines = value.split(/\r?\n/).filter((line) => line.trim().length >= shortestLine);
  return [value, ...lines].flatMap((each) => {
    if (each.trim() === '') return [];
    const bytes = Buffer.from(each, 'utf8');
    const inner = JSON.stringify(each).slice(1, -1);
    const encoded = bytes.length < shortestLine ? [] : [...base64Inside(bytes), bytes.toString('hex'), bytes.toString('hex').toUpperCase()];
    return [each, inner, encodeURIComponent(each), ...encoded];
  });
}

/** What stays the same of a text's base64 wherever in a longer one it stands: at each of three offsets, without the edges that its neighbours shape. */
function base64Inside(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((offset) => {
    const whole = Buffer.concat([Buffer.alloc(offset), bytes]);
    const from = offset === 0 ? 0 : 4;
    const until = Math.floor(whole.length / 3) * 4;
    const text = whole.toString('base64').slice(from, until);
    return text.length < shortestLine ? [] : [text, text.replaceAll('+', '-').replaceAll('/', '_')];
  });
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
