import { createHash } from 'node:crypto';
import { type Change, type LiveService, type Revision, z } from '../../../core/index.ts';
import type { Container, ContainerSummary, Engine } from '../../lib/docker.ts';
import type { Endpoint } from '../../lib/docker-endpoint.ts';
import { readFromContainer } from './archive.ts';
import { askInside } from './inside.ts';
import { adminPort, label, type Role, tableFile, tableFolder } from './names.ts';

const Table = z.looseObject({
  generation: z.int(),
  revisions: z.array(
    z.looseObject({ stamp: z.string(), weight: z.number(), mirror: z.number().optional(), backends: z.array(z.string()) }),
  ),
});
/** How the router splits the traffic. */
export type Table = z.output<typeof Table>;
export type TableRevision = Table['revisions'][number];

/** A container of ours as the engine lists it, with what its labels say. */
export interface SeenContainer {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly stamp: string;
  readonly replica: number;
  readonly revision: number;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly port: number;
  readonly made: string;
  readonly published: number;
  readonly isRunning: boolean;
  readonly summary: ContainerSummary;
}

/** All that the engine has of a service. */
export interface Seen {
  readonly service: string;
  readonly router: SeenContainer | undefined;
  /** Left by a router that was replaced, when that was broken off. */
  readonly otherRouters: readonly SeenContainer[];
  readonly releases: readonly SeenContainer[];
  readonly table: Table | undefined;
  /** Backends that say they are ready. */
  readonly ready: ReadonlySet<string>;
}

/** Asks the engine, and the router inside it. Changes nothing. */
export async function see(engine: Engine, service: string, signal: AbortSignal): Promise<Seen> {
  const filters = JSON.stringify({ label: [`${label.service}=${service}`] });
  const found = (await engine.api.listContainers({ all: true, filters, abortSignal: signal })).flatMap(seenContainer);
  // The one that was made last holds the table that counts.
  const routers = found.filter(({ role }) => role === 'router').sort((a, b) => b.summary.Created - a.summary.Created || order(a, b));
  const running = routers.find(({ isRunning }) => isRunning);
  const router = running ?? routers[0];
  const releases = found.filter(({ role }) => role === 'release').sort(order);
  const asked = router?.isRunning ? await askRouter(engine, router, releases, signal) : undefined;
  // What it wrote down is what it goes by, also while it cannot be asked.
  const table = asked?.table ?? (router && (await tableOnDisk(engine, router.id)));
  const otherRouters = routers.filter((each) => each !== router);
  return { service, router, otherRouters, releases, table, ready: asked?.ready ?? new Set() };
}

function order(a: SeenContainer, b: SeenContainer): number {
  return a.revision - b.revision || a.replica - b.replica || a.name.localeCompare(b.name);
}

function seenContainer(summary: ContainerSummary): readonly SeenContainer[] {
  const { Labels: labels } = summary;
  const role = labels[label.role];
  if (role !== 'router' && role !== 'release') return [];
  const number = (name: string) => Number(labels[name] ?? 0);
  return [
    {
      id: summary.Id,
      name: summary.Names[0]?.slice(1) ?? summary.Id.slice(0, 12),
      role,
      stamp: labels[label.stamp] ?? '',
      replica: number(label.replica),
      revision: number(label.revision),
      settings: settingsIn(labels[label.settings]),
      port: number(label.port),
      made: labels[label.made] ?? '',
      published: number(label.published),
      isRunning: summary.State === 'running',
      summary,
    },
  ];
}

function settingsIn(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  } catch {
    return {};
  }
}

interface Asked {
  readonly table: Table | undefined;
  readonly ready: ReadonlySet<string>;
}

const readyWithinMs = 3_000;

/** One trip for the table and for how every backend is. A router that cannot be asked is as one that does not run. */
async function askRouter(engine: Engine, router: SeenContainer, releases: readonly SeenContainer[], signal: AbortSignal): Promise<Asked> {
  const backends = releases.filter(({ isRunning }) => isRunning).map(backendOf);
  const calls = [{ url: adminUrl('/table') }, ...backends.map((url) => ({ url: `${url}/v2/health/ready`, timeoutMs: readyWithinMs }))];
  const container = engine.api.getContainer(router.id);
  try {
    const [table, ...answers] = await askInside(engine, container, await nodeOf(container), calls, signal);
    return {
      table: table?.status === 200 ? tableIn(JSON.parse(table.text)) : undefined,
      ready: new Set(backends.filter((_, at) => answers[at]?.status === 200)),
    };
  } catch (error) {
    if (signal.aborted || isConnectionError(error)) throw error;
    return { table: undefined, ready: new Set() };
  }
}

function isConnectionError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code);
}

/** The router answers with the table and more around it. */
function tableIn(answer: unknown): Table | undefined {
  const found = Table.nullish().safeParse((answer as { readonly table?: unknown } | null)?.table);
  return found.success ? (found.data ?? undefined) : undefined;
}

async function tableOnDisk(engine: Engine, router: string): Promise<Table | undefined> {
  const text = await readFromContainer(engine, router, `${tableFolder}/${tableFile}`);
  if (text === undefined) return undefined;
  try {
    const found = Table.safeParse(JSON.parse(text));
    return found.success ? found.data : undefined;
  } catch {
    return undefined;
  }
}

export function adminUrl(path: string): string {
  return `http://127.0.0.1:${adminPort}${path}`;
}

export function backendOf({ stamp, replica, port }: Pick<SeenContainer, 'stamp' | 'replica' | 'port'>): string {
  return `http://r${stamp.slice(0, 12)}-${replica}:${port}`;
}

/** The Node that the router itself runs in. */
export async function nodeOf(container: Container): Promise<string> {
  const { Path } = await container.inspect();
  return Path;
}

export function containersOf(seen: Seen, stamp: string): readonly SeenContainer[] {
  return seen.releases.filter((each) => each.stamp === stamp);
}

/** What the target says of it: revisions are what the router's table has; anything else was left by a run that was broken off. */
export function liveOf(seen: Seen, endpoint: Endpoint): LiveService {
  const { service, table, router } = seen;
  const listed = table?.revisions ?? stampsOf(seen).map((stamp) => ({ stamp, weight: 0, backends: [] }));
  const revisions = listed.flatMap((each) => revisionOf(seen, each));
  const leading = [...revisions].sort((a, b) => b.weight - a.weight || Number(b.id) - Number(a.id))[0];
  const settings = (leading?.stamp && containersOf(seen, leading.stamp)[0]?.settings) || {};
  const url =
    router?.isRunning && revisions.length > 0
      ? `http://${hostnameOf(endpoint, String(settings['host'] ?? ''))}:${router.published}`
      : undefined;
  const moved = { generation: table?.generation, made: router?.made, revisions: revisions.map(({ health: _, ...each }) => each), settings };
  const token = createHash('sha256').update(JSON.stringify(moved)).digest('hex').slice(0, 16);
  const drift = driftOf(seen);
  return { service, url, revisions, token, settings, ...(drift.length > 0 ? { drift } : {}) };
}

/** Containers that the router does not know, and those that it knows and that do not run. */
function driftOf({ table, releases, otherRouters }: Seen): readonly Change[] {
  if (table === undefined) return [];
  const wanted = new Set(table.revisions.flatMap(({ backends }) => backends));
  const there = new Map(releases.map((each) => [backendOf(each), each]));
  const extra = [...releases.filter((each) => !wanted.has(backendOf(each))), ...otherRouters];
  const missing = [...wanted].filter((backend) => !there.get(backend)?.isRunning);
  return [
    ...extra.map(({ name, isRunning }) => ({
      path: `container ${name}`,
      before: undefined,
      after: isRunning ? 'runs, and gets no requests' : 'was left, stopped',
    })),
    ...missing.map((backend) => ({
      path: `container ${there.get(backend)?.name ?? new URL(backend).hostname}`,
      before: 'runs',
      after: there.get(backend)?.summary.Status.toLowerCase() ?? undefined,
    })),
  ];
}

/** How the machine of the engine is called from here, when it listens on all its addresses. */
function hostnameOf({ via }: Endpoint, host: string): string {
  if (!['', '0.0.0.0', '::'].includes(host)) return host.includes(':') ? `[${host}]` : host;
  if (via.by === 'ssh') return via.destination.split('@').at(-1) ?? '';
  return via.by === 'tcp' ? via.hostname : '127.0.0.1';
}

function stampsOf(seen: Seen): readonly string[] {
  return [...new Set(seen.releases.map(({ stamp }) => stamp))];
}

function revisionOf(seen: Seen, { stamp, weight, mirror }: Pick<TableRevision, 'stamp' | 'weight' | 'mirror'>): readonly Revision[] {
  const containers = containersOf(seen, stamp);
  const id = String(containers[0]?.revision ?? 0);
  return [{ id, stamp, weight, ...(mirror ? { mirror } : {}), health: healthOf(seen, containers) }];
}

function healthOf(seen: Seen, containers: readonly SeenContainer[]): Revision['health'] {
  const running = containers.filter(({ isRunning }) => isRunning);
  if (running.length === 0 || !seen.router?.isRunning) return 'stopped';
  const isWhole = running.length >= replicasOf(containers) && running.every((each) => seen.ready.has(backendOf(each)));
  return isWhole ? 'ready' : 'failing';
}

export function replicasOf(containers: readonly SeenContainer[]): number {
  return Number(containers[0]?.settings['replicas'] ?? 1);
}
