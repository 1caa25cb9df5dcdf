import { failure, type Place } from './diagnostic.ts';
import { nearest } from './nearest.ts';
import { placeOfCallTo } from './place.ts';
import { isPolicy, type Policy } from './plan-policy.ts';
import { isRemoteChoice, type RemoteChoice } from './remote.ts';
import { flattened, type Wanted, type WantedGroups } from './wanted.ts';

export type { Wanted } from './wanted.ts';

export interface PipelineDef<P extends string, W extends WantedGroups = WantedGroups> {
  /** Letters, digits, `.`, `-`, `_`. State is kept apart by pipeline and profile. */
  readonly name: string;
  /** The first one is the default. Without any there is one, `default`. */
  readonly profiles?: readonly P[];
  /** The folder of the store, relative to the configuration, or `s3({ … })`, `oci({ … })`; `.modelflow` unless said otherwise. */
  readonly store?: string | RemoteChoice;
  /** What is returned is made; its keys are the names people read, with a dot between those of a group and what is in it. Does no I/O. */
  readonly build: (given: { readonly profile: P }) => W;
  /** Rules that every plan and every result must keep: a list, or what makes it from the profile and from what `build` returned. Name it after `build`. */
  readonly policies?: readonly Policy[] | ((given: { readonly profile: P; readonly stages: NoInfer<W> }) => readonly Policy[]);
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
  /** The policies for a profile and what was wanted for it. */
  policies(profile: string, wanted: Wanted): readonly Policy[];
}

const usableName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

export function isUsableName(name: unknown): name is string {
  return typeof name === 'string' && usableName.test(name);
}

/** The one thing a configuration exports. */
export function definePipeline<const P extends string = 'default', W extends WantedGroups = WantedGroups>(
  def: PipelineDef<P, W>,
): Pipeline {
  const placeOf = placeOfCallTo(definePipeline);
  // Reading a place costs a source map; only a mistake needs it.
  const at = (): { readonly at?: Place } => {
    const place = placeOf();
    return place ? { at: place } : {};
  };
  // Type stripping checks nothing: a plain-JavaScript mistake must not get further than here.
  const { name, profiles: given = [], store = '.modelflow', build, policies = [] } = (def ?? {}) as Partial<PipelineDef<P, W>>;
  if (typeof build !== 'function')
    throw failure('MF1101', 'definePipeline: option `build` must be a function that returns stages by name', {
      hint: 'definePipeline({ name: "my-model", build: () => ({ … }) })',
      ...at(),
    });
  for (const word of [name, ...given]) {
    if (!isUsableName(word))
      throw failure('MF1109', `definePipeline: ${JSON.stringify(word)} cannot be used as a name`, {
        hint: 'Use letters, digits, dot, dash and underscore, beginning with a letter or digit.',
        ...at(),
      });
  }
  if (!isRemoteChoice(store) && (typeof store !== 'string' || store === ''))
    throw failure('MF1101', `definePipeline: option \`store\` is ${JSON.stringify(store)}`, {
      hint: 'Expected the path of a folder, or what `s3({ … })` or `oci({ … })` returns.',
      ...at(),
    });
  const [first = 'default' as P, ...others] = given;
  const profiles: readonly [P, ...P[]] = [first, ...others];
  /** Policies see the groups as `build` returned them. */
  const returned = new WeakMap<object, W>();
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
          ...at(),
        });
      }
      const stages = build({ profile: known });
      // Whoever checks the configuration says what is wrong with a table that holds something else.
      const wanted = flattened(stages) as Wanted;
      if (typeof wanted === 'object' && wanted !== null) returned.set(wanted, stages);
      return wanted;
    },
    policies(profile, wanted) {
      const found: unknown =
        typeof policies === 'function'
          ? policies({ profile: profile as P, stages: returned.get(wanted) ?? (wanted as unknown as W) })
          : policies;
      if (Array.isArray(found) && found.every(isPolicy)) return found;
      throw failure('MF1101', 'definePipeline: option `policies` is not a list of policies', {
        hint: 'Pass what `policy(…)` and `policy.facts(…)` return.',
        ...at(),
      });
    },
  };
}

export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === 'object' && value !== null && 'pipeline' in value && 'wanted' in value && 'profiles' in value;
}
