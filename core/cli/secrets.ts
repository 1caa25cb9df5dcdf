import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { secretsIn } from '../plan/fingerprint.ts';
import type { GraphNode } from '../plan/graph.ts';
import { type Redactor, redactor } from '../plan/redact.ts';
import { type Diagnostic, failure, ModelflowError } from '../spec/diagnostic.ts';
import { type Secret, secretWith } from '../spec/secret.ts';

/** The values of secrets during one command: read when first asked for, kept in memory, and out of everything that is written. */
export interface Secrets {
  /** The secret as a stage gets it: its `reveal` reads the value, and fails with MF1111 when it cannot be had. */
  opened(given: Secret): Secret;
  /** MF1113 when a file below the folder, or the facts, hold the value of a secret that has been read. */
  refuseIn(folder: string, facts: unknown): void;
  readonly redactor: Redactor;
}

const shortestLength = 4;
const commandTimeoutMs = 60_000;
const pieceBytes = 1 << 20;

/** `onFirst` is told before the first value is handed out: from then on nothing may be written that was not redacted. */
export function secretsOf(root: string, onFirst: (redactor: Redactor) => void): Secrets {
  const redacts = redactor();
  const values = new Map<string, string>();
  const keep = (name: string, key: string, value: string): string => {
    if (value.length < shortestLength)
      throw failure('MF1111', `the secret \`${name}\` has ${value.length} characters: too few to be kept out of logs`, {
        hint: `A secret has at least ${shortestLength} characters.`,
      });
    if (values.size === 0) onFirst(redacts);
    values.set(key, value);
    redacts.add(name, value);
    return value;
  };
  return {
    redactor: redacts,
    opened(given) {
      const key = JSON.stringify([given.secret, given.from]);
      return secretWith(given, () => values.get(key) ?? keep(given.secret, key, readValue(given, root)));
    },
    refuseIn(folder, facts) {
      if (redacts.longestBytes === 0) return;
      const inFacts = redacts.find(Buffer.from(JSON.stringify(facts) ?? ''));
      if (inFacts !== undefined) throw leak(inFacts, 'the facts of the stage');
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        // A value with a slash in it is a folder and what is in it.
        const inName = redacts.find(Buffer.from(relative(folder, path)));
        if (inName !== undefined) throw leak(inName, `the name of the file ${entry.name} that the stage made`);
        const found = entry.isFile() ? secretIn(path, redacts) : undefined;
        if (found !== undefined) throw leak(found, `the file ${entry.name} that the stage made`);
      }
    },
  };
}

/** Reads every secret that these nodes were given, so that one that cannot be had is known before anything is begun. */
export function revealAll(nodes: readonly GraphNode[], secrets: Secrets): void {
  const problems = nodes.flatMap((node) =>
    secretsIn(node.node.options).flatMap((each): readonly Diagnostic[] => {
      try {
        secrets.opened(each).reveal();
        return [];
      } catch (error) {
        if (!(error instanceof ModelflowError)) throw error;
        const at = node.node.place();
        return error.diagnostics.map((found) => ({ ...found, node: node.name, ...(at ? { at } : {}) }));
      }
    }),
  );
  if (problems.length > 0) throw new ModelflowError(problems);
}

function leak(name: string, where: string): Error {
  return failure('MF1113', `the value of the secret \`${name}\` stands in ${where}`, {
    hint: 'Nothing was stored. Write what was made with the secret, and not the secret.',
  });
}

/** In pieces that overlap, so that one that stands across the edge of two is found. */
function secretIn(path: string, redacts: Redactor): string | undefined {
  const overlap = redacts.longestBytes;
  const piece = Buffer.alloc(pieceBytes + overlap);
  const descriptor = openSync(path, 'r');
  try {
    for (let kept = 0; ; ) {
      const read = readSync(descriptor, piece, kept, piece.length - kept, null);
      if (read === 0) return undefined;
      const found = redacts.find(piece.subarray(0, kept + read));
      if (found !== undefined) return found;
      const from = Math.max(0, kept + read - overlap);
      piece.copyWithin(0, from, kept + read);
      kept = kept + read - from;
    }
  } finally {
    closeSync(descriptor);
  }
}

function readValue({ secret, from }: Secret, root: string): string {
  if ('environment' in from) {
    const value = process.env[from.environment];
    if (value) return value;
    throw failure('MF1111', `the secret \`${secret}\` is not there: the environment variable ${from.environment} is not set`, {
      hint: `Set ${from.environment} for this command; in CI, from the store of secrets.`,
    });
  }
  return 'file' in from ? fromFile(secret, resolve(root, from.file), from.file) : fromCommand(secret, from.command, root);
}

function fromFile(secret: string, path: string, shown: string): string {
  try {
    return withoutEnd(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw failure('MF1111', `the secret \`${secret}\` is not there: ${shown} cannot be read (${codeOf(cause)})`, {
      hint: 'Paths are taken from the folder of the configuration.',
      cause,
    });
  }
}

function fromCommand(secret: string, [program, ...args]: readonly [string, ...string[]], root: string): string {
  try {
    const printed = execFileSync(program, args, {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: commandTimeoutMs,
    });
    return withoutEnd(printed);
  } catch (error) {
    // The error of a child carries what it printed, which may be the secret.
    throw failure('MF1111', `the secret \`${secret}\` is not there: \`${program}\` failed (${codeOf(error)})`, {
      hint: 'Run the command by hand: it must print the value and end with 0.',
    });
  }
}

function codeOf(error: unknown): string {
  const { code, status } = error as { readonly code?: unknown; readonly status?: unknown };
  return typeof code === 'string' ? code : `exit code ${String(status)}`;
}

/** Editors and commands end a text with a line end that is no part of it. */
function withoutEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}

/** Everything written to the streams from now on passes through the redactor, whoever writes it. */
export function redactStreams(streams: readonly NodeJS.WriteStream[], redacts: Redactor): void {
  for (const stream of streams) {
    const write = stream.write.bind(stream) as (text: string, ...rest: unknown[]) => boolean;
    stream.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean =>
      write(redacts.text(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')), ...rest);
  }
}
