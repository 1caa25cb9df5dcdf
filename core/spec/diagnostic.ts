import { type Code, codes, type ExitCode } from './codes.ts';

/** A place in a user's file; `line` and `column` start at 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something a person must know: what happened and why, and the next thing to do. */
export interface Diagnostic {
  readonly code: Code;
  readonly severity: 'error' | 'warning';
  /** What happened and why, with the real value. */
  readonly message: string;
  /** The next thing to do. */
  readonly hint?: string;
  readonly at?: Place;
  /** The node that it is about, when it came from a run. */
  readonly node?: string;
  /** More lines that belong to it: a child's last output, the list of what differs. */
  readonly detail?: readonly string[];
}

/** Every expected failure is thrown as this; anything else that reaches the CLI is our bug (MF9001). */
export class ModelflowError extends Error {
  readonly diagnostics: readonly Diagnostic[];

  constructor(diagnostics: Diagnostic | readonly Diagnostic[], options?: ErrorOptions) {
    const list = Array.isArray(diagnostics) ? (diagnostics as readonly Diagnostic[]) : [diagnostics as Diagnostic];
    super(list.map((diagnostic) => `${diagnostic.code}: ${diagnostic.message}`).join('\n'), options);
    this.name = 'ModelflowError';
    this.diagnostics = list;
  }

  /** The exit code of the first error among the diagnostics. */
  get exitCode(): ExitCode {
    const first = this.diagnostics.find((diagnostic) => diagnostic.severity === 'error') ?? this.diagnostics[0];
    return first && first.code in codes ? codes[first.code].exit : 70;
  }
}

/** What a stage or a target of a third party throws to say in plain words what went wrong. */
export function failure(
  code: Code,
  message: string,
  more: { readonly hint?: string; readonly at?: Place; readonly detail?: readonly string[]; readonly cause?: unknown } = {},
): ModelflowError {
  const { cause, ...rest } = more;
  return new ModelflowError({ code, severity: 'error', message, ...rest }, cause === undefined ? undefined : { cause });
}
