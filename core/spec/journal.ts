import type { NewEvent, RunEvent } from './event.ts';

/** Append-only: when `append` resolves, the event is written (durably, where something is done because of it), and only then is anybody told of it. */
export interface Journal {
  append(event: NewEvent): Promise<RunEvent>;
}

/** Follows a run. It never talks back to the engine. */
export interface Reporter {
  event(event: RunEvent): void;
  /** After the last event: finish drawing. */
  end(): Promise<void>;
}
