import type { CodeEntry } from './code-entry.ts';

/** Of rollouts in steps, of routers, and of what is done to a rollout by hand. */
export const rolloutCodes = {
  MF5300: {
    title: 'The target cannot roll out this way',
    exit: 2,
    explain:
      'A rollout in steps needs a target that splits traffic between two releases; copies of requests need one whose router mirrors them. The message says what is missing. Use another strategy, such as `rolling()`, or another target.',
  },
  MF5301: {
    title: 'The rollout is paused',
    exit: 7,
    explain:
      'A step has waited as long as it may, and what was seen is not enough for a verdict. The traffic stays split as it is. `modelflow promote` finishes the rollout, `modelflow abort` goes back to the release before, and another `modelflow run` waits once more and keeps what was counted.',
  },
  MF5302: {
    title: 'The release that serves is not known',
    exit: 1,
    explain:
      'A rollout in steps keeps the release that serves beside the new one, and goes back to it. Its bytes, or its record, are not in this store. `modelflow adopt` writes down what runs; `rolling()` replaces it without going back.',
  },
  MF5303: {
    title: 'There is no rollout to promote or abort',
    exit: 2,
    explain:
      'The journal knows no rollout of the service that is under way: it has ended, or there was none. `modelflow status` shows what is live; `modelflow rollback` goes back to an earlier release.',
  },
  MF5304: {
    title: 'The rollout is run by another machine',
    exit: 6,
    explain:
      'Another machine holds the lease of the service and runs the rollout. A request is only passed on within one machine: ask there, or stop that run and ask again, which finishes or undoes the rollout from here.',
  },
  MF5340: {
    title: 'The router did not start',
    exit: 1,
    explain:
      'While the requests of a service are split or copied, a router process does that. It could not be started, or could not be told who gets what. What was live before goes on.',
  },
  MF5341: {
    title: 'The service is supervised by another version of modelflow',
    exit: 1,
    explain:
      'What supervises the service was started by another version, which cannot do what was asked, such as splitting requests. `modelflow down` stops it; the next run starts one that can.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
