import type { CodeEntry } from './code-entry.ts';

/** Of targets, the store, monitors, and of modelflow itself. */
export const worldCodes = {
  MF5001: {
    title: 'The target refused',
    exit: 1,
    explain: 'The target could not do what was asked. The message says in what state the service was left.',
  },
  MF5002: { title: 'The target cannot be reached', exit: 8, explain: 'The runtime behind the target did not answer.' },
  MF5003: {
    title: 'The port is in use',
    exit: 1,
    explain: 'Another process listens on the port that the service should take. It is named when it can be found.',
  },
  MF5004: {
    title: 'The new release did not become ready',
    exit: 1,
    explain: 'The service did not become ready in time. The release that was live goes on serving.',
  },
  MF5005: {
    title: 'The release was rolled back',
    exit: 4,
    explain: 'The new release failed its probe after the switch, and the one before it was put back.',
  },
  MF5006: {
    title: 'There is no release to go back to',
    exit: 2,
    explain: 'The journal knows no other release of this service whose bytes are still kept.',
  },
  MF5007: {
    title: 'This release was refused before',
    exit: 4,
    explain: 'The release was rolled back by hand or by a probe. It is not deployed again unless --force is given.',
  },
  MF5100: {
    title: 'There is nothing to adopt',
    exit: 2,
    explain: 'The target says that nothing runs under this name. `modelflow run` deploys it.',
  },
  MF5101: {
    title: 'What runs was not deployed by modelflow',
    exit: 3,
    explain: 'The live resource carries no stamp of a release, so it cannot be told what it is. The next `modelflow run` replaces it.',
  },
  MF5102: {
    title: 'What runs does not answer as it should',
    exit: 1,
    explain: 'Only a release that passes its probe is adopted. Nothing was changed; see `modelflow logs`.',
  },
  MF6001: {
    title: 'Another run holds the lock',
    exit: 6,
    explain:
      'One run at a time per pipeline and profile. The holder is named. A lock whose holder is dead is taken over by itself; one from another machine is broken with `modelflow unlock`.',
  },
  MF6002: {
    title: 'The disk is full',
    exit: 1,
    explain: 'Writing to the store failed for want of space. Nothing half-written is read again; make room and run again.',
  },
  MF6003: {
    title: 'The store cannot be written or read',
    exit: 8,
    explain: 'An operation on the store failed. The message names the path and the reason.',
  },
  MF6004: {
    title: 'The store is newer than this modelflow',
    exit: 2,
    explain: 'The store was written by a newer version. Use that version; nothing was changed.',
  },
  MF6005: {
    title: 'An artifact is damaged',
    exit: 1,
    explain:
      'Bytes in the store do not match their digest. The artifact is moved to quarantine. The run makes it again and goes on; it stops where the artifact comes out otherwise than it was, or cannot be made, and the next run settles it.',
  },
  MF6010: {
    title: 'Too many files are open',
    exit: 8,
    explain: 'The system opens no more files for this process (EMFILE) or at all (ENFILE). Raise `ulimit -n`, or run fewer stages at once.',
  },
  MF6011: {
    title: 'The disk of the store reports an error',
    exit: 8,
    explain:
      'The disk could not read or write (EIO). Once a journal could not be made durable, nothing more is written to it and the run ends: what was finished before is kept.',
  },
  MF6101: {
    title: 'The remote store cannot be used',
    exit: 8,
    explain:
      'The bucket or registry is not there, refuses the credentials, or does not answer, and nothing can be done without it: a deployment has to know what others have deployed.',
  },
  MF6102: {
    title: 'The remote store does not answer',
    exit: 8,
    explain:
      'A warning. The run goes on with what is on this machine, and deploys nothing: what others released or rolled back since is not known. What it makes is sent by the next run.',
  },
  MF6103: {
    title: 'Another run changes this service',
    exit: 6,
    explain:
      'A service is changed by one run at a time, on whatever machine. The holder is named. One that was killed is taken over by itself: at once by a newer attempt of the same CI run or on the same machine, otherwise after a minute. `modelflow unlock` is for the rest.',
  },
  MF6104: {
    title: 'The right to change the service was lost',
    exit: 6,
    explain:
      'The lease on the service could not be renewed in time, or was broken with `modelflow unlock`. The service was not touched. Run again.',
  },
  MF6105: {
    title: 'The remote store is only read',
    exit: 3,
    explain:
      'The run of a pull request executes code that nobody has reviewed, so what it makes stays on its machine and it deploys nothing. MODELFLOW_STORE_ACCESS=write says otherwise. What really protects the store are credentials that cannot write.',
  },
  MF6106: {
    title: 'The library for the remote store is not installed',
    exit: 2,
    explain: '`s3({ … })` needs `@aws-sdk/client-s3` beside modelflow. The message has the command that installs it.',
  },
  MF6107: {
    title: 'Something in the remote store is damaged',
    exit: 1,
    explain:
      'A warning. Bytes that came do not match their digest. They are not used; where this run may write, they are taken away, and what is missing is made again.',
  },
  MF6108: {
    title: 'Not everything was sent to the remote store',
    exit: 0,
    explain: 'A warning: a run does not fail for it. What was made is kept on this machine, and the next run here sends it.',
  },
  MF6109: {
    title: 'This is no packed cache, or a damaged one',
    exit: 1,
    explain:
      'A file given to `modelflow cache unpack` was not written by `modelflow cache pack`, or its bytes have changed. What is damaged is left out.',
  },
  MF7001: {
    title: 'A monitor reports a breach',
    exit: 3,
    explain: 'A threshold on the live service does not hold. The message says which and by how much.',
  },
  MF7002: { title: 'The service could not be scraped', exit: 8, explain: 'The metrics of the service could not be read.' },
  MF8001: { title: 'Stopped', exit: 130, explain: 'The run was interrupted. What was finished is kept; run again to go on.' },
  MF9001: {
    title: 'This is a bug in modelflow',
    exit: 70,
    explain: 'Something happened that should not be possible. Please report it with the output.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
