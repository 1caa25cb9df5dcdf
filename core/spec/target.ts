import { z } from 'zod';
import type { Artifact, ArtifactKind } from './artifact.ts';
import type { Diagnostic } from './diagnostic.ts';
import { parseOptions } from './options.ts';
import type { Log } from './port.ts';
import type { TrafficReport } from './traffic.ts';

/** One version of a service as the target has it now. */
export interface Revision {
  readonly id: string;
  /** The fingerprint it was deployed with; undefined when something else made it. */
  readonly stamp: string | undefined;
  /** Its share of the traffic, 0…100. */
  readonly weight: number;
  /** Percent of the requests that it gets a copy of, beside whoever answers them. */
  readonly mirror?: number;
  readonly health: 'ready' | 'starting' | 'failing' | 'stopped';
}

/** What is live, asked of the world and never of our notes. */
export interface LiveService {
  readonly service: string;
  readonly url: string | undefined;
  /** No revisions: the service is not there. */
  readonly revisions: readonly Revision[];
  /** Changes whenever the live state does; `apply` refuses when it has moved. */
  readonly token: string;
  /** The settings it runs with, for the diff. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** What something else has changed in it since it was applied, in the words of the runtime, where the target can tell. */
  readonly drift?: readonly Change[];
}

export interface DesiredRevision<K extends ArtifactKind = ArtifactKind> {
  /** A revision with this stamp that is there already goes on as it is: its settings are in the stamp. */
  readonly stamp: string;
  readonly weight: number;
  /** Percent of the requests that it gets a copy of; its answers are compared with those that users got, and dropped. */
  readonly mirror?: number;
  readonly what: Artifact<K>;
}

/** What is wanted: these revisions and no others, with all of the traffic among them. One of weight 0 is kept ready beside them. */
export interface DesiredService<K extends ArtifactKind = ArtifactKind> {
  readonly service: string;
  readonly revisions: readonly DesiredRevision<K>[];
}

/** A value of the live world that will be another one. `before` undefined: added; `after` undefined: removed. */
export interface Change {
  readonly path: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** How a target splits traffic: by requests, where the share is exact, or only by how many replicas each revision has. */
export type Split = { readonly by: 'requests'; readonly mirrors: boolean } | { readonly by: 'replicas'; readonly replicas: number };

/** A file that a target would be given by hand, such as a manifest; the path is relative. */
export interface RenderedFile {
  readonly path: string;
  readonly text: string;
}

/** What else the files are made of. */
export interface RenderGiven {
  readonly profile: string;
  /** Named in place of the reference that a deployment would use. */
  readonly image?: string;
}

export type Health = { readonly ok: true } | { readonly ok: false; readonly why: string };

export interface LogLine {
  readonly at: string;
  readonly source: string;
  readonly line: string;
}

export interface TargetContext<S extends z.ZodRawShape = z.ZodRawShape> {
  readonly settings: z.output<z.ZodObject<S>>;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** A folder the target may keep its own state in; made by the target when it first writes. */
  readonly stateFolder: string;
}

/** A place where services run. Every method may be called again after a crash at any point. */
export interface TargetDef<S extends z.ZodRawShape, K extends ArtifactKind> {
  readonly name: string;
  /** Raise it when the same settings would now be deployed otherwise. */
  readonly version: number;
  readonly settings: S;
  /** The kinds it can run; `deploy({ what })` is typed by it. */
  readonly runs: readonly K[];
  /** Before anything is spent: is the runtime up, is the port free? Changes nothing. */
  check(ctx: TargetContext<S>, service: string): Promise<readonly Diagnostic[]>;
  /** What is running now. Changes nothing. */
  read(ctx: TargetContext<S>, service: string): Promise<LiveService>;
  /**
   * Make it so, without losing a request, and return what is live then. Called twice with the same `want`, the second changes nothing.
   * When it fails, what was live before goes on serving.
   */
  apply(ctx: TargetContext<S>, want: DesiredService<K>, have: LiveService): Promise<LiveService>;
  /** Does the service answer as it should? */
  probe(ctx: TargetContext<S>, live: LiveService): Promise<Health>;
  /** Stop the service and free what it holds. Nothing to do is no failure. */
  remove(ctx: TargetContext<S>, service: string): Promise<void>;
  /** Capabilities: core asks for the method, never for the target's name. */
  /** How finely traffic is split between revisions. Missing: one revision has all of it, and rollouts in steps are refused. */
  split?(ctx: TargetContext<S>): Split;
  /** What the revisions have answered, counted where the traffic is split. Changes nothing. */
  observe?(ctx: TargetContext<S>, service: string): Promise<TrafficReport>;
  /** What `apply` would change, in the words of the runtime, for the plan; beside the settings, which the engine compares. Changes nothing. */
  diff?(ctx: TargetContext<S>, want: DesiredService<K>, have: LiveService): Promise<readonly Change[]>;
  /**
   * The same as files, for those who apply them by other means. `format` is one of `renders`, of which the first is the usual one.
   * `want` has no revisions while nothing has been made: undefined, where the format needs one.
   */
  readonly renders?: readonly string[];
  render?(ctx: TargetContext<S>, want: DesiredService<K>, format: string, given: RenderGiven): Promise<readonly RenderedFile[] | undefined>;
  logs?(ctx: TargetContext<S>, service: string, given: { readonly follow: boolean; readonly lines: number }): AsyncIterable<LogLine>;
}

/** A target with its settings, as the configuration passes it to `deploy`. `K` is what it can run. */
export interface Target<K extends ArtifactKind = ArtifactKind> {
  readonly target: string;
  readonly version: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly runs: readonly K[];
  readonly def: AnyTarget;
}

/** A target whose types have been forgotten; the engine only ever passes it back what the target made itself. */
export type AnyTarget = TargetDef<z.ZodRawShape, ArtifactKind>;

/** Settings may be left out where all of them have defaults. */
type SettingsOf<S extends z.ZodRawShape> =
  Record<string, never> extends z.input<z.ZodObject<S>> ? [settings?: z.input<z.ZodObject<S>>] : [settings: z.input<z.ZodObject<S>>];

export interface TargetFactory<S extends z.ZodRawShape, K extends ArtifactKind> {
  (...given: SettingsOf<S>): Target<K>;
  readonly def: TargetDef<S, K>;
}

/** Make a target: a function from settings to a value that `deploy` takes. Calling it touches nothing. */
export function defineTarget<S extends z.ZodRawShape, K extends ArtifactKind>(def: TargetDef<S, K>): TargetFactory<S, K> {
  const schema = z.strictObject(def.settings);
  const target = (...[settings]: SettingsOf<S>): Target<K> => {
    const parsed = parseOptions(`target ${def.name}`, schema, settings ?? {}, target);
    return {
      target: def.name,
      version: def.version,
      settings: parsed as Readonly<Record<string, unknown>>,
      runs: def.runs,
      // Method parameters are checked bivariantly; the settings were parsed by this very definition.
      def: def as unknown as AnyTarget,
    };
  };
  return Object.assign(target, { def });
}

export function isTarget(value: unknown): value is Target {
  return typeof value === 'object' && value !== null && 'target' in value && 'def' in value && 'runs' in value;
}
