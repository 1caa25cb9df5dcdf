import { failure } from './diagnostic.ts';
import { nearest } from './nearest.ts';
import { placeOfCallTo } from './place.ts';
import type { Ref } from './ref.ts';
import { isRemoteChoice, type RemoteChoice } from './remote.ts';

/** What the configuration wants: names people read → what is to be made. */
export type Wanted = Readonly<Record<string, Ref>>;

export interface PipelineDef<P extends string> {
  /** Letters, digits, `.`, `-`, `_`. State is kept apart by pipeline and profile. */
  readonly name: string;
  /** The first one is the default. Without any there is one, `default`. */
  readonly profiles?: readonly P[];
  /** The folder of the store, relative to the configuration, or `s3({ … })`, `oci({ … })`; `.modelflow` unless said otherwise. */
  readonly store?: string | RemoteChoice;
  /** What is returned is made; its keys are the names people read. Does no I/O. */
  readonly build: (given: { readonly profile: P }) => Wanted;
}

/** A pipeline as the CLI sees it. `wanted` evaluates the configuration for a profile. */
export interface Pipeline {
  readonly pipeline: string;
  readonly profiles: readonly [string, ...string[]];
  /** The folder of the store on this machine. */
  readonly store: string;
  /** What other machines see as well; undefined when the folder is all there is. */
  readonly remote: RemoteChoice | undefined;
  wanted(profile: string): Wanted;
}

const usableName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export function isUsableName(name: unknown): name is string {
  return typeof name === 'string' && usableName.test(name);
}

/** The one thing a configuration exports. */
export function definePipeline<const P extends string = 'default'>(def: PipelineDef<P>): Pipeline {
  const place = placeOfCallTo(definePipeline)();
  const at = place ? { at: place } : {};
  // Type stripping checks nothing: a plain-JavaScript mistake must not get further than here.
  const { name, profiles: given = [], store = '.modelflow', build } = (def ?? {}) as Partial<PipelineDef<P>>;
  if (typeof build !== 'function')
    throw failure('MF1101', 'definePipeline: option `build` must be a function that returns stages by name', {
      hint: 'definePipeline({ name: "my-model", build: () => ({ … }) })',
      ...at,
    });
  for (const word of [name, ...given]) {
    if (!isUsableName(word))
      throw failure('MF1109', `definePipeline: ${JSON.stringify(word)} cannot be used as a name`, {
        hint: 'Use letters, digits, dot, dash and underscore, beginning with a letter or digit.',
        ...at,
      });
  }
  if (!isRemoteChoice(store) && (typeof store !== 'string' || store === ''))
    throw failure('MF1101', `definePipeline: option \`store\` is ${JSON.stringify(store)}`, {
      hint: 'Expected the path of a folder, or what `s3({ … })` or `oci({ … })` returns.',
      ...at,
    });
  const [first = 'default' as P, ...others] = given;
  const profiles: readonly [P, ...P[]] = [first, ...others];
  return {
    pipeline: name as string,
    profiles,
    store: isRemoteChoice(store) ? store.local : store,
    remote: isRemoteChoice(store) ? store : undefined,
    wanted(profile) {
      const known = profiles.find((candidate) => candidate === profile);
      if (known === undefined) {
        const near = nearest(profile, profiles);
        throw failure('MF1106', `unknown profile \`${profile}\``, {
          hint: near ? `Did you mean \`${near}\`?` : `The profiles are: ${profiles.join(', ')}.`,
          ...at,
        });
      }
      return build({ profile: known });
    },
  };
}

export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && 'pipeline' in value && 'wanted' in value && 'profiles' in value;
}
