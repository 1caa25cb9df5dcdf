import type { Inputs } from '../plan/plan.ts';
import type { NewEvent } from '../spec/event.ts';
import type { FingerprintParts } from '../spec/plan.ts';

/** The hidden command that starts the host of a stage. */
export const hostCommand = 'exec-stage';

/** What the host is told on stdin: enough to find the same stage again, and to know that it is the same. */
export interface HostJob {
  /** The configuration file and its folder, absolute. */
  readonly config: string;
  readonly root: string;
  readonly profile: string;
  readonly node: string;
  readonly parts: FingerprintParts;
  readonly fingerprint: string;
  readonly inputs: Inputs;
  readonly out: string;
}

/** What happens in the host, as events of the run. */
export type HostSaid = Extract<NewEvent, { readonly type: 'node-output' | 'node-progress' | 'child-started' | 'node-failed' }>;

/** What the host writes to file descriptor 3, one JSON object a line. What the stage itself prints is talk. */
export type HostMessage = { readonly said: HostSaid } | { readonly facts: unknown };

const saidTypes: ReadonlySet<unknown> = new Set([
  'node-output',
  'node-progress',
  'child-started',
  'node-failed',
] satisfies HostSaid['type'][]);

function isMessage(value: unknown): value is HostMessage {
  if (typeof value !== 'object' || value === null) return false;
  if ('facts' in value) return true;
  return 'said' in value && typeof value.said === 'object' && value.said !== null && 'type' in value.said && saidTypes.has(value.said.type);
}

/** The stage may write to the descriptor too: what is not a message is talk as well. */
export function messageIn(line: string): HostMessage | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isMessage(value) ? value : undefined;
  } catch {
    // No JSON.
    return undefined;
  }
}
