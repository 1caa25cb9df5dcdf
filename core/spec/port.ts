/** What a stage says while it works; it ends up in the journal and the log of the run. */
export interface Log {
  info(line: string): void;
  warn(line: string): void;
  /** How far the stage has come, 0…1, with a few words about what it does now. */
  progress(fraction: number | undefined, doing: string): void;
}

export interface ProcessRequest {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Written to stdin, which is then closed. */
  readonly input?: string;
  /** Each line of stdout and stderr as it comes. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
  /** Each line the child writes to file descriptor 3. */
  readonly onProgressLine?: (line: string) => void;
}

export interface ProcessResult {
  readonly exitCode: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program in a process group of its own that dies with the CLI, even when the CLI is killed.
 * Resolves whatever the exit code; rejects when the program cannot be started, or the signal aborts (then the whole group is dead).
 */
export interface ProcessRunner {
  run(request: ProcessRequest): Promise<ProcessResult>;
}

/** A Python environment: made once per lock and Python version, in the user's cache folder. */
export interface PythonEnvironment {
  readonly name: string;
  /** A requirements file with hashes. Its digest belongs into the stage's `code`. */
  readonly lock: URL;
}

export interface PythonRequest {
  readonly environment: PythonEnvironment;
  readonly script: URL;
  /** Sent as one line of JSON on stdin. */
  readonly request: unknown;
}

/**
 * Calls a bridge script: JSON request on stdin, JSON-lines `{"progress": 0…1, "doing": "…"}` on fd 3, text for people on stderr,
 * last line of stdout `{"ok": …}` or `{"error": {"kind": "…", "message": "…", "detail": ["…"]}}`.
 * Resolves with what stood under `ok`; rejects with a `BridgeError` for `error`.
 */
export interface PythonRunner {
  call(request: PythonRequest): Promise<unknown>;
}

/** What a bridge script reported. The stage turns `kind` into a diagnostic of its own. */
export class BridgeError extends Error {
  readonly kind: string;
  readonly detail: readonly string[];

  constructor(kind: string, message: string, detail: readonly string[]) {
    super(message);
    this.name = 'BridgeError';
    this.kind = kind;
    this.detail = detail;
  }
}

/** What the engine needs from the disk: artifacts by digest. */
export interface ArtifactStore {
  /**
   * Hash, fsync, rename: after it resolves the artifact is whole under its digest, or it is not there.
   * The folder is consumed. Committing the same bytes and facts twice gives the same digest.
   */
  commit(folder: string, kind: string, facts: unknown): Promise<StoredArtifact>;
  /**
   * Sizes are compared with the manifest; `verified` hashes every byte. A damaged artifact is moved to quarantine and is not there any more.
   * Without `verified` or `here`, the files may still lie in a remote store.
   */
  open(digest: string, how?: 'verified' | 'here'): Promise<StoredArtifact | undefined>;
}

export interface StoredArtifact {
  readonly digest: string;
  readonly kind: string;
  readonly facts: unknown;
  /** The folder with the artifact's files. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** One line of the result cache: this fingerprint gave that digest. */
export interface Result {
  readonly fingerprint: string;
  readonly digest: string;
  readonly durationMs: number;
  /** ISO 8601, UTC. */
  readonly at: string;
}

export interface ResultCache {
  find(fingerprint: string): Promise<Result | undefined>;
  record(result: Result): Promise<void>;
  /** Taken away before the world is touched, so that a crash cannot leave an old truth standing. */
  forget(fingerprint: string): Promise<void>;
}

export interface Clock {
  now(): Date;
  /** Resolves after the time, rejects when the signal aborts. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void>;
}
