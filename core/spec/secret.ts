import { z } from 'zod';
import { failure } from './diagnostic.ts';
import { placeOfCallTo } from './place.ts';

/** Where the value of a secret is read when a stage needs it: an environment variable, a file, or what a command prints. */
export type SecretSource =
  | { readonly environment: string }
  /** Relative to the folder of the configuration. */
  | { readonly file: string }
  /** Started without a shell in the folder of the configuration. */
  | { readonly command: readonly [string, ...string[]] };

/** A value that the configuration names and never holds. As JSON it is its name and where it comes from. */
export interface Secret {
  readonly secret: string;
  readonly from: SecretSource;
  /** The value: text without a line end. Only inside a stage or a target; in a configuration it fails with MF1112. */
  reveal(): string;
}

/**
 * Names a secret. The value comes from the environment variable of that name, or from `file` or `command`; it is read when a stage or
 * a target that was given it runs, and never written down: plans, causes, logs and the journal show the name.
 */
export function secret(name: string, from?: Exclude<SecretSource, { readonly environment: string }>): Secret {
  const source = from ?? { environment: name };
  const place = placeOfCallTo(secret)();
  const at = place ? { at: place } : {};
  if (typeof name !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw failure('MF1111', `secret: ${JSON.stringify(name)} is no name of a secret`, {
      hint: 'Use letters, digits and underscore, beginning with a letter: it is what is shown in place of the value.',
      ...at,
    });
  if (!isSecretSource(source))
    throw failure('MF1111', `secret: \`${name}\` does not say where its value comes from`, {
      hint: `secret('${name}'), secret('${name}', { file: './token' }) or secret('${name}', { command: ['pass', 'show', 'token'] })`,
      ...at,
    });
  return secretWith({ secret: name, from: source }, () => {
    throw failure('MF1112', `the value of the secret \`${name}\` is not known in a configuration`, {
      hint: 'Pass the secret itself to the stage or the target: it calls `reveal()` when it runs.',
      ...at,
    });
  });
}

/** A secret with its value at hand. Not enumerable: neither JSON, nor a log of the object, nor a copy of it takes the value along. */
export function secretWith(reference: Pick<Secret, 'secret' | 'from'>, reveal: () => string): Secret {
  const value = { secret: reference.secret, from: reference.from };
  return Object.defineProperty(value, 'reveal', { value: reveal, enumerable: false }) as Secret;
}

/** An option or a setting that takes a secret. Inside the stage or the target `reveal()` gives its value. */
export function secretText(): z.ZodCustom<Secret, Secret> {
  return z.custom<Secret>(isSecret, { error: "Expected a secret, such as secret('API_TOKEN')" });
}

/** Also true of one that has been through JSON, such as in the settings of a release that the journal kept. */
export function isSecret(value: unknown): value is Secret {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 2) return false;
  const { secret: name, from } = value as Readonly<Record<string, unknown>>;
  return typeof name === 'string' && isSecretSource(from);
}

function isSecretSource(value: unknown): value is SecretSource {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 1) return false;
  const { environment, file, command } = value as Readonly<Record<string, unknown>>;
  if (command !== undefined) return Array.isArray(command) && command.length > 0 && command.every((word) => typeof word === 'string');
  return typeof (environment ?? file) === 'string' && (environment ?? file) !== '';
}
