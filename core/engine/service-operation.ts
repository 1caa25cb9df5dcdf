import { serviceKey } from '../plan/history.ts';
import type { Underway } from '../plan/rollout.ts';
import type { NewEvent } from '../spec/event.ts';
import type { Log } from '../spec/port.ts';
import type { Placement } from '../spec/ref.ts';
import type { EnginePorts, Held } from './ports.ts';

/** One service of the pipeline, for what is done beside a run. */
export interface ServiceOperation {
  readonly node: string;
  readonly placement: Placement;
  readonly ports: EnginePorts;
  readonly signal: AbortSignal;
  readonly log: Log;
  emit(event: NewEvent): Promise<void>;
}

/** Does something with a service, alone with it among all machines. */
export async function alone<T>({ placement, ports, signal, log }: ServiceOperation, act: (held: Held) => Promise<T>): Promise<T> {
  const held = await ports.hold(placement.target.target, placement.service, signal, log);
  try {
    return await act(held);
  } finally {
    await held.release();
  }
}

/** The rollout of the service that has not come to its end. */
export function underwayOf({ placement }: Pick<ServiceOperation, 'placement'>, { past }: Pick<Held, 'past'>): Underway | undefined {
  return past.rollouts.get(serviceKey({ target: placement.target.target, service: placement.service }));
}
