import { z } from 'zod';
import { parseOptions } from './options.ts';

/** One piece of what is kept under a key. Pieces lie one behind the other; a store that names things by digest may keep each on its own. */
export interface RemotePart {
  /** For people who look into the store: the path of the file that it is. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** Called again when the part has to be sent once more. */
  open(): AsyncIterable<Uint8Array>;
}

/** What is kept under a key, as it comes. Who does not read it to its end calls `bytes.return`, which a `for await` does by itself. */
export interface RemoteContent {
  readonly sizeBytes: number;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/**
 * A place that other machines see as well: bytes under keys of `[A-Za-z0-9._-]` and `/`, at most 120 characters. What `put` and `create`
 * have resolved for is seen by every later `get` and `list`, whoever asks. Fails with `RemoteError` and nothing else that is expected.
 */
export interface RemoteStore {
  /** How it is called in messages: `s3://bucket/prefix`. */
  readonly place: string;
  get(key: string, signal: AbortSignal): Promise<RemoteContent | undefined>;
  has(key: string, signal: AbortSignal): Promise<boolean>;
  /** Whole or not at all; what was there is replaced. */
  put(key: string, parts: readonly RemotePart[], signal: AbortSignal): Promise<void>;
  /** As `put`, but of any number of machines at most one is answered true, and only while the key is not there. */
  create(key: string, parts: readonly RemotePart[], signal: AbortSignal): Promise<boolean>;
  /** Keys that begin with the prefix, sorted; where nothing can be deleted, removed ones may be among them. */
  list(prefix: string, signal: AbortSignal): Promise<readonly string[]>;
  /** Nothing to remove is no failure. */
  remove(key: string, signal: AbortSignal): Promise<void>;
  /** The clock of the store, by its last answer: clocks of runners differ. Undefined before the first answer. */
  now(): Date | undefined;
  close(): void;
}

/**
 * Why a remote store failed. `unreachable` and `busy` are worth another try; `denied` means the credentials; `missing` that what is talked
 * to is not there (the bucket, the registry's repository, the library); `wrong` that what came is not what a store answers.
 */
export type RemoteTrouble = 'unreachable' | 'busy' | 'denied' | 'missing' | 'wrong';

export class RemoteError extends Error {
  readonly trouble: RemoteTrouble;
  /** What the store asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(trouble: RemoteTrouble, message: string, more: { readonly retryAfterMs?: number; readonly cause?: unknown } = {}) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.name = 'RemoteError';
    this.trouble = trouble;
    this.retryAfterMs = more.retryAfterMs;
  }
}

/** A kind of remote store, written once. */
export interface RemoteStoreDef<S extends z.ZodRawShape> {
  readonly name: string;
  readonly settings: S;
  /** What messages call it. No secrets: it is printed. */
  place(settings: z.output<z.ZodObject<S>>): string;
  /** Loads what is heavy, and talks to nobody yet. */
  open(settings: z.output<z.ZodObject<S>>): Promise<RemoteStore>;
}

/** What every remote store takes beside its own settings. */
const common = {
  /** The folder on this machine that is looked into first. */
  local: z.string().min(1).default('.modelflow'),
  /** How long a deployment waits for another run that changes the same service. */
  leaseWaitMs: z.number().int().min(0).default(120_000),
  /** How long the end of a run waits for what is still being sent. */
  uploadWaitMs: z.number().int().min(0).default(600_000),
} as const;

type RemoteSettings<S extends z.ZodRawShape> = z.input<z.ZodObject<S & typeof common>>;

/** A remote store with its settings, as `definePipeline({ store })` takes it. */
export interface RemoteChoice {
  readonly remote: string;
  readonly place: string;
  readonly local: string;
  readonly leaseWaitMs: number;
  readonly uploadWaitMs: number;
  open(): Promise<RemoteStore>;
}

/** Make a remote store: a function from settings to a value that `definePipeline({ store })` takes. Calling it touches nothing. */
export function defineRemoteStore<S extends z.ZodRawShape>(def: RemoteStoreDef<S>): (settings: RemoteSettings<S>) => RemoteChoice {
  const schema = z.strictObject({ ...def.settings, ...common });
  const choose = (given: RemoteSettings<S>): RemoteChoice => {
    const { local, leaseWaitMs, uploadWaitMs, ...parsed } = parseOptions(`store ${def.name}`, schema, given, choose) as z.output<
      z.ZodObject<typeof common>
    >;
    // The schema holds all that `def.settings` holds.
    const settings = parsed as unknown as z.output<z.ZodObject<S>>;
    return { remote: def.name, place: def.place(settings), local, leaseWaitMs, uploadWaitMs, open: () => def.open(settings) };
  };
  return choose;
}

export function isRemoteChoice(value: unknown): value is RemoteChoice {
  return typeof value === 'object' && value !== null && 'remote' in value && 'place' in value && 'open' in value;
}
