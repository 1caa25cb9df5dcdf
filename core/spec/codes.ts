/** 0 done · 1 stage failed · 2 config or usage · 3 refused · 4 rolled back · 5 plan moved · 6 locked · 7 approval · 8 unreachable · 10 changes · 70 our bug · 130 stopped */
export type ExitCode = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 10 | 70 | 130;

export interface CodeEntry {
  readonly title: string;
  readonly exit: ExitCode;
  /** When it is seen, and what to do: the text of the reference page. */
  readonly explain: string;
}

/** Every diagnostic there is. A code is permanent: it is never given another meaning, and never used again. */
export const codes = {
  MF1001: {
    title: 'No configuration found',
    exit: 2,
    explain: 'No deploy.config.ts in this folder or above it. Run `modelflow init`, or name a file with --config.',
  },
  MF1002: {
    title: 'The configuration could not be loaded',
    exit: 2,
    explain: 'The file threw while it was evaluated, or does not parse. The place and the code around it are shown.',
  },
  MF1003: {
    title: 'The configuration exports no pipeline',
    exit: 2,
    explain: 'A configuration ends with `export default definePipeline({ … })`.',
  },
  MF1004: {
    title: 'Module not found',
    exit: 2,
    explain:
      'An import in the configuration does not resolve. Relative imports may leave out the .ts ending; packages must be installed beside the configuration.',
  },
  MF1101: {
    title: 'A stage was given a wrong option',
    exit: 2,
    explain: 'An option has the wrong type or value, or is missing. The message names the option, what was expected and what was found.',
  },
  MF1102: {
    title: 'A stage was given an unknown option',
    exit: 2,
    explain: 'The stage has no such option. The nearest name is suggested.',
  },
  MF1103: {
    title: 'A stage was given the wrong kind of artifact',
    exit: 2,
    explain: 'Each slot of a stage takes certain kinds. The message names the kind that came and the kinds that fit.',
  },
  MF1104: {
    title: 'A stage leads nowhere',
    exit: 2,
    explain:
      'A stage was called in the configuration but nothing that is returned depends on it, so it will never run. Return it, pass it on, or delete it. This is a warning.',
  },
  MF1105: { title: 'A required input is missing', exit: 2, explain: 'A slot of the stage was left empty.' },
  MF1106: { title: 'Unknown profile', exit: 2, explain: 'The profile given with --profile is not in the `profiles` of the pipeline.' },
  MF1107: {
    title: 'A source file is missing',
    exit: 2,
    explain:
      'A file or folder that the configuration names does not exist, or is of the other sort. Paths are taken from the folder of the configuration.',
  },
  MF1108: {
    title: 'A gate names a fact that is not there',
    exit: 2,
    explain: 'A gate compares a numeric fact; the artifact has none of that name.',
  },
  MF1109: {
    title: 'A name is not usable',
    exit: 2,
    explain:
      'Names of pipelines, profiles, nodes and services are letters, digits, dot, dash and underscore, and begin with a letter or digit.',
  },
  MF1110: {
    title: 'A service was left behind',
    exit: 2,
    explain:
      'A service that this pipeline released still runs, but the configuration names it no more: it was renamed, or its stage is gone. `modelflow down` with its name stops it. This is a warning.',
  },
  MF1111: {
    title: 'A secret is not available',
    exit: 2,
    explain:
      'A stage or a target needs a secret whose environment variable is not set, whose file cannot be read or whose command failed, or the value cannot be kept out of what is written because it is shorter than four characters. Nothing was begun.',
  },
  MF1112: {
    title: 'A secret was read in the configuration',
    exit: 2,
    explain:
      'A configuration names secrets and never holds their values: a plan would show them. Pass the secret to the stage or the target, which calls `reveal()` when it runs.',
  },
  MF1113: {
    title: 'A stage would have stored a secret',
    exit: 1,
    explain:
      'A file or a fact that the stage made holds the value of a secret, as it is or in base64, hex or URL form. Nothing was stored: artifacts are kept for good, and are shared.',
  },
  MF1201: {
    title: 'Unknown command or option',
    exit: 2,
    explain: 'The command line has a word that modelflow does not know. The nearest is suggested.',
  },
  MF1202: {
    title: 'Unknown stage',
    exit: 2,
    explain: 'A stage named on the command line is not in the pipeline. The nearest name is suggested.',
  },
  MF1203: {
    title: 'Type errors in the configuration',
    exit: 2,
    explain: '`modelflow check` found what the TypeScript compiler would underline in an editor.',
  },
  MF1204: {
    title: 'This Node is too old',
    exit: 2,
    explain: 'modelflow runs on Node ^22.19 or >=24. Install it, or add the `node` package to the repository: `npm i -D node@24`.',
  },
  MF1205: { title: 'The target file already exists', exit: 2, explain: '`modelflow init` overwrites nothing.' },
  MF1206: {
    title: 'The stage has made nothing yet',
    exit: 2,
    explain: 'What was asked about is not there: the stage has never come to its end, or its artifact is gone. Run it.',
  },
  MF1207: {
    title: 'Options that contradict each other',
    exit: 2,
    explain:
      'One option of the command line would undo another: `--force` or `--from` names a stage that `--only` leaves out, or `--force` without names comes with `--from`. Nothing was begun.',
  },
  MF1208: {
    title: 'A matrix or a group gives no usable names',
    exit: 2,
    explain:
      'Each combination of a matrix, and each stage in a group that `build` returns, is named after its keys. A value that cannot be a name needs one: write the axis as a table of names and values. Two stages of the same name need another.',
  },
  MF1210: {
    title: 'This is no GitHub job',
    exit: 2,
    explain:
      'Telling GitHub (`--github`, `modelflow github comment`) needs what a GitHub job has in its environment: GITHUB_REPOSITORY, GITHUB_STEP_SUMMARY, GITHUB_OUTPUT, and the event in GITHUB_EVENT_PATH.',
  },
  MF1211: {
    title: 'GitHub refused the comment',
    exit: 8,
    explain:
      'The token may not write to the pull request. Give the job `permissions: pull-requests: write` and the step GITHUB_TOKEN. The runs of a pull request from a fork get no such token: the summary of the job has the same. A plan or a run does not fail for it: this is a warning then.',
  },
  MF1212: {
    title: 'GitHub could not be asked',
    exit: 8,
    explain:
      'GitHub did not answer, or its limit on requests holds for longer than is waited. The summary of the job has what the comment would have said. A plan or a run does not fail for it: this is a warning then.',
  },
  MF1213: {
    title: 'The report is not one of modelflow',
    exit: 2,
    explain:
      'The file that `modelflow github comment` was given was not written by `modelflow plan --github FILE`, or by another version of it.',
  },
  MF1220: {
    title: 'There is no run to report on',
    exit: 2,
    explain:
      'Nothing has been run for this pipeline and profile, or no run has the id that was given. The message names those that there are.',
  },
  MF1221: {
    title: 'The report cannot be written',
    exit: 2,
    explain:
      'The file that --out names cannot be written, or is there already and is no report of modelflow, which is never replaced. Name another file.',
  },
  MF1230: {
    title: 'The run is not on record',
    exit: 2,
    explain:
      'No run has this id, or it did not look at the stage that was asked about. `modelflow cache gc` removes the records of old runs.',
  },
  MF1231: {
    title: 'The record cannot be dropped',
    exit: 2,
    explain:
      'The run tells of releases or approvals, which are the record of who did what. `modelflow forget` with the service drops those.',
  },
  MF2001: {
    title: 'The graph has a cycle',
    exit: 2,
    explain: 'A stage depends on its own result. This can only be built by hand-made refs.',
  },
  MF2101: {
    title: 'The reviewed plan no longer fits',
    exit: 5,
    explain:
      '`run --plan` does exactly what was reviewed, or nothing. Since the plan was made something has moved: the configuration or what it imports, an input file, an option, a tool, modelflow itself, a gate or a policy, or what is live. Each is named. Make a new plan, and have it reviewed.',
  },
  MF2102: {
    title: 'The file is no plan',
    exit: 2,
    explain: 'The file given with --plan cannot be read, is not what `plan --out` writes, or was changed after it was made.',
  },
  MF2103: {
    title: 'The plan is of a newer format',
    exit: 2,
    explain: 'The plan was made by a newer modelflow. Use that version, or make a new plan.',
  },
  MF2104: {
    title: 'The plan is of another pipeline or profile',
    exit: 2,
    explain: 'A plan is carried out on the pipeline and the profile that it was made of.',
  },
  MF2105: { title: 'The plan cannot be written', exit: 2, explain: 'The file given with --out cannot be written. The message says why.' },
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

export type Code = keyof typeof codes;
