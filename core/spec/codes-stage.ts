import type { CodeEntry } from './code-entry.ts';

/** Of stages, gates, policies and approvals. */
export const stageCodes = {
  MF3001: {
    title: 'A stage failed',
    exit: 1,
    explain: 'The stage threw. What it said follows; the log is kept with the run. A failure is never cached: the next run tries again.',
  },
  MF3002: {
    title: 'A stage ran out of time',
    exit: 1,
    explain: 'The stage took longer than its timeoutMs; it and all its children were stopped.',
  },
  MF3003: {
    title: 'A source changed while it was read',
    exit: 1,
    explain: 'The bytes of a file were not the same before and after the stage read it. Nothing was stored; run again.',
  },
  MF3004: {
    title: 'A stage returned facts that do not fit its kind',
    exit: 1,
    explain: 'The facts are checked against the schema of the output kind; the message names the fact.',
  },
  MF3005: {
    title: 'A stage wrote something that cannot be stored',
    exit: 1,
    explain: 'An artifact holds plain files and folders: no links that leave it, no sockets, no devices.',
  },
  MF3006: {
    title: 'The configuration changed during the run',
    exit: 1,
    explain:
      'A stage of your own runs in a process of its own, which evaluates the configuration again. The stage found there is not the one that the run began: a file was changed meanwhile, or the configuration gives something else each time that it is evaluated. Nothing was made of it.',
  },
  MF3007: {
    title: 'The process of a stage ended before the stage did',
    exit: 1,
    explain:
      'The stage called `process.exit`, waited for what could no longer happen, or crashed in native code. It fails alone: the run ends as after any other failure.',
  },
  MF3008: {
    title: 'A stage ran out of memory',
    exit: 1,
    explain:
      'The JavaScript heap of the process of the stage was full, or the system killed the process. Work in smaller pieces, raise the limit with NODE_OPTIONS=--max-old-space-size, or say with `weight: { memory }` what the stage takes.',
  },
  MF3009: {
    title: 'The trace of a run was not sent',
    exit: 1,
    explain:
      'An OpenTelemetry endpoint is set, but its packages are not installed or the collector could not be reached. The run itself is not touched by it. This is a warning.',
  },
  MF3101: {
    title: 'The file is not a model of this kind',
    exit: 1,
    explain: 'The bytes are not what the stage expects. The message says what they look like.',
  },
  MF3102: {
    title: 'An operator cannot be exported',
    exit: 1,
    explain:
      'tf2onnx has no ONNX form for an operator of the model at this opset. The operator and its node are named; try a higher opset, or replace the layer.',
  },
  MF3103: {
    title: 'The converted model does not agree with the original',
    exit: 1,
    explain:
      'The same inputs gave outputs that differ by more than the tolerance. The report names the output, the error, and the first node that differs when it can be found.',
  },
  MF3104: { title: 'The opset is out of range', exit: 1, explain: 'The converter or the serving runtime does not support this opset.' },
  MF3105: {
    title: 'The data does not fit the model',
    exit: 1,
    explain: 'Shape, dtype or count of the data is not what the model takes after pre-processing.',
  },
  MF3106: { title: 'The data file cannot be read', exit: 1, explain: 'The file is damaged, or holds no array of the given name.' },
  MF3107: { title: 'The model could not be quantized', exit: 1, explain: 'The quantization tool refused the model; what it said follows.' },
  MF3201: {
    title: 'No usable Python',
    exit: 8,
    explain:
      'Export and quantization need Python 3.11, 3.12 or 3.13. Install one, or name it in MODELFLOW_PYTHON. Stages that need no Python run without.',
  },
  MF3202: {
    title: 'A Python environment could not be made',
    exit: 8,
    explain:
      'Installing the locked requirements failed; the last lines of the installer follow. Check the network, the proxy and the disk, then run again: what was finished is kept.',
  },
  MF3203: {
    title: 'A Python script broke the bridge protocol',
    exit: 1,
    explain: 'A bridge script reads one JSON request on stdin and must end with one JSON result line on stdout.',
  },
  MF4001: {
    title: 'A gate refused',
    exit: 3,
    explain: 'A condition on measured facts does not hold. The message says which, and by how much.',
  },
  MF4002: {
    title: 'Not enough data for a gate',
    exit: 3,
    explain: 'The gate needs more samples than were measured; the message says how many more.',
  },
  MF4101: {
    title: 'A stage waits for an approval',
    exit: 7,
    explain:
      'The stage is marked with `approval`. All that does not depend on it was made. Look at what it would do with `modelflow plan`, then `modelflow approve` and run again; or pass `--approve` to the run. An approval counts for exactly the fingerprint it was given for.',
  },
  MF4102: {
    title: 'There is nothing to approve',
    exit: 2,
    explain: 'The stage needs no approval now: it is not marked with `approval`, is done already, or it is not known yet what it would do.',
  },
  MF4103: {
    title: 'What would be approved is something else',
    exit: 5,
    explain: 'The fingerprint given with --for is not what the stage would do now. Look at the plan again.',
  },
  MF4110: {
    title: 'A policy refused',
    exit: 3,
    explain:
      'A policy of the configuration refuses the plan, or the facts of an artifact. A policy on the plan is judged before anything is done; one on facts as soon as they are known, and nothing behind that stage is done. A policy that throws refuses as well.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
