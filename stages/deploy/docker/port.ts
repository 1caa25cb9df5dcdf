import { type Diagnostic, failure, type ModelflowError } from '../../../core/index.ts';
import type { Engine } from '../../lib/docker.ts';
import { holderOf } from '../local/ports.ts';
import { label } from './names.ts';

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Who holds a port of the machine that the engine is on; undefined when nobody is known to. */
export async function portHolder(engine: Engine, { host, port }: Address, service: string): Promise<Diagnostic | undefined> {
  if (port === 0) return undefined;
  const containers = await engine.api.listContainers();
  const holder = containers.find(
    ({ Labels, Ports }) => Labels[label.service] !== service && Ports.some((each) => overlaps(each, host, port)),
  );
  if (holder) {
    const owner = holder.Labels[label.service];
    const what = owner === undefined ? 'the container' : `modelflow's service \`${owner}\`, container`;
    return problem(host, port, `by ${what} ${holder.Names[0]?.slice(1)} (${holder.Image})`);
  }
  const isOwn = containers.some(
    ({ Labels, Ports }) => Labels[label.service] === service && Ports.some(({ PublicPort }) => PublicPort === port),
  );
  if (isOwn || engine.endpoint.via.by !== 'socket') return undefined;
  const process = await holderOf(port).catch(() => undefined);
  return process ? problem(host, port, `by process ${process.pid}: ${process.command}`) : undefined;
}

function overlaps({ IP, PublicPort }: { readonly IP: string; readonly PublicPort: number }, host: string, port: number): boolean {
  const isAny = [IP, host].some((each) => each === undefined || ['', '0.0.0.0', '::'].includes(each));
  return PublicPort === port && (isAny || IP === host);
}

function problem(host: string, port: number, by: string): Diagnostic {
  return {
    code: 'MF5003',
    severity: 'error',
    message: `port ${port} on ${host} is in use ${by}`,
    hint: 'Stop what holds it, or give the target another `port`.',
  };
}

/** What a container that did not start for want of its port failed with, with who has it. */
export async function portTaken(engine: Engine, error: unknown, address: Address, service: string): Promise<ModelflowError | undefined> {
  const said = String((error as { readonly json?: { readonly message?: string } }).json?.message ?? error);
  if (!/port is already allocated|address already in use|cannot assign requested address/i.test(said)) return undefined;
  const { host, port } = address;
  if (/cannot assign/i.test(said))
    return failure('MF5003', `the machine of the engine has no address ${host} to listen on`, {
      hint: 'Set `host` to one of its addresses, or to 0.0.0.0 for all.',
      cause: error,
    });
  const holder = (await portHolder(engine, address, service)) ?? problem(host, port, `or cannot be taken: ${said}`);
  return failure('MF5003', holder.message, { ...(holder.hint ? { hint: holder.hint } : {}), cause: error });
}
