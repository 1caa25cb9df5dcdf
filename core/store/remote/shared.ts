import type { Diagnostic } from '../../spec/diagnostic.ts';
import { RemoteError, type RemoteStore } from '../../spec/remote.ts';

/** What one command knows of the store that it shares with other machines. */
export interface SharedStore {
  readonly remote: RemoteStore;
  /** `read`: results of this run must not be believed by others. */
  readonly access: 'read' | 'write';
  /** Aborts what is still under way when the command ends. */
  readonly signal: AbortSignal;
  /** Why it is not asked any more; undefined while it answers. */
  offline(): string | undefined;
  /** Asks the store. Where it does not answer, that is said once, `otherwise` holds, and it is not asked again. */
  ask<T>(act: () => Promise<T>, otherwise: T): Promise<T>;
  /** What is to be said when the command ends, or at once. */
  readonly warnings: Diagnostic[];
  warn(diagnostic: Diagnostic): void;
}

export function shareStore(remote: RemoteStore, access: SharedStore['access'], signal: AbortSignal): SharedStore {
  const warnings: Diagnostic[] = [];
  let why: string | undefined;
  const warn = (diagnostic: Diagnostic): void => void warnings.push(diagnostic);
  return {
    remote,
    access,
    signal,
    warnings,
    warn,
    offline: () => why,
    async ask(act, otherwise) {
      if (why !== undefined) return otherwise;
      try {
        return await act();
      } catch (error) {
        if (!(error instanceof RemoteError) || error.trouble === 'missing') throw error;
        if (error.trouble === 'wrong') {
          warn(
            damagedWarning(
              remote.place,
              error.message,
              'It is not used. What is made of it is made again; a run that is damaged must be taken away by hand.',
            ),
          );
          return otherwise;
        }
        if (why === undefined) warn(offlineWarning(remote.place, error));
        why = error.message;
        return otherwise;
      }
    },
  };
}

function offlineWarning(place: string, error: RemoteError): Diagnostic {
  return {
    code: 'MF6102',
    severity: 'warning',
    message: `${place} ${error.trouble === 'denied' ? 'refuses us' : 'cannot be reached'}: ${error.message}`,
    hint: 'Going on with what is on this machine. What others made, released and refused since is not known here, so nothing is deployed.',
  };
}

export function damagedWarning(place: string, message: string, hint: string): Diagnostic {
  return { code: 'MF6107', severity: 'warning', message: `${place}: ${message}`, hint };
}
