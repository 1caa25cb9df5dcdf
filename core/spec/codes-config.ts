import type { CodeEntry } from './code-entry.ts';

/** Of the configuration, the command line and the plan. */
export const configCodes = {
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
  MF1240: {
    title: 'The service cannot be rendered so',
    exit: 2,
    explain: '`modelflow render` writes the formats that the target of a service has. The message names the target, the hint its formats.',
  },
  MF1241: {
    title: 'Several files do not fit on stdout',
    exit: 2,
    explain: 'A format of several folders, such as a Kustomize base and its overlays, is written with `--out`.',
  },
  MF1242: {
    title: 'A rendered file cannot be written',
    exit: 2,
    explain:
      'The folder given with `--out` cannot be written to, or there is a file of the same name that `modelflow render` did not make. Nothing is overwritten but what was rendered before.',
  },
} as const satisfies Record<`MF${number}`, CodeEntry>;
