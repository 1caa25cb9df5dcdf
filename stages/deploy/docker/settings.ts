import { secretText, type TargetContext, z } from '../../../core/index.ts';

const name = z.string().regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/, 'Expected a name as Docker takes it: letters, digits, _ . and -');
const path = z.string().startsWith('/', 'Expected an absolute path');
const milliseconds = z.int().min(1).max(3_600_000);

/** What `docker()` takes. All of it is part of a release, but for where the engine is. */
export const dockerSettings = {
  port: z.int().min(0).max(65_535).default(8080).describe('0: any free port, which the service then keeps'),
  host: z.string().min(1).default('127.0.0.1').describe('the address of the machine to listen on; 0.0.0.0 lets other machines in'),
  replicas: z.int().min(1).max(100).default(1).describe('containers of each release'),
  cpus: z.number().gt(0).max(1024).optional().describe('processors that a container may use: 1.5'),
  memory: z
    .string()
    .regex(/^[1-9]\d*[kmg]$/, 'Expected a size such as 512m or 2g')
    .optional()
    .describe('memory that a container may use, swap included: 512m, 2g'),
  pids: z.int().min(8).default(512).describe('processes and threads that a container may have'),
  temporary: z
    .string()
    .regex(/^[1-9]\d*[kmg]$/, 'Expected a size such as 64m')
    .default('64m')
    .describe('size of /tmp, the only place that can be written to'),
  env: z
    .record(z.string().min(1), z.union([z.string(), secretText()]))
    .default({})
    .describe('text, or secrets by name'),
  volumes: z
    .array(z.strictObject({ source: z.string().min(1), target: path, readOnly: z.boolean().default(true) }))
    .default([])
    .describe('volumes or folders of the machine, such as a model store'),
  networks: z.array(name).default([]).describe('networks that are there already, to join; other containers reach the service by its name'),
  labels: z.record(z.string().min(1), z.string()).default({}).describe('labels of your own for the containers'),
  log: z
    .strictObject({ driver: z.string().min(1), options: z.record(z.string(), z.string()).default({}) })
    .default({ driver: 'json-file', options: { 'max-size': '10m', 'max-file': '3' } })
    .describe('log driver of the engine and its options'),
  restart: z
    .enum(['unless-stopped', 'always', 'on-failure', 'no'])
    .default('unless-stopped')
    .describe('what the engine does when a container ends'),
  user: z
    .string()
    .regex(/^\d+(:\d+)?$/, 'Expected numbers, such as 1000:1000')
    .optional()
    .describe('instead of the user of the image'),
  gpus: z
    .union([z.literal('all'), z.int().min(1)])
    .optional()
    .describe('graphics processors that a container gets'),
  healthcheck: z.boolean().default(true).describe('whether the health check of the image goes on running, for `docker ps`'),
  readyTimeoutMs: milliseconds.default(60_000).describe('how long a new release may take to load its model'),
  drainTimeoutMs: milliseconds.default(30_000).describe('how long requests that an old release has may take to end'),
  keep: z.int().min(1).max(100).default(2).describe('how many releases stay as images in the engine'),
  pull: z.boolean().default(false).describe('whether the engine pulls the image from its registry instead of getting it from here'),
  engine: z
    .strictObject({
      host: z.string().min(1).optional().describe('unix://…, ssh://user@machine or tcp://machine:2376'),
      tls: z.strictObject({ ca: z.string().optional(), cert: z.string().optional(), key: z.string().optional() }).optional(),
    })
    .default({})
    .describe('where the engine is; unless given, as the `docker` command finds it'),
};

export type DockerContext = TargetContext<typeof dockerSettings>;
export type DockerSettings = DockerContext['settings'];

const powers: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3 };

/** `512m` in bytes. */
export function bytesOf(size: string): number {
  return Number.parseInt(size, 10) * 1024 ** (powers[size.slice(-1)] ?? 0);
}
