import { localWith } from '../../stages/deploy/targets/local.ts';
import { asBundle, standIn } from './service-rig.ts';

/** Deploys a bundle as the CLI would, in a process that a test can kill. Arguments: state folder, bundle, stamp. */
const [stateFolder = '', bundle = '', stamp = ''] = process.argv.slice(2);
const { def, settings } = localWith(standIn)({ port: 0 });
const log = { info: () => {}, warn: () => {}, progress: () => {} };
const context = { settings, signal: new AbortController().signal, log, stateFolder };
const have = await def.read(context, 'digits');
await def.apply(context, { service: 'digits', revisions: [{ stamp, weight: 100, what: asBundle(bundle) }] }, have);
