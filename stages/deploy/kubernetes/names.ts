import { createHash } from 'node:crypto';

/** The domain of every label and annotation of ours. */
export const domain = 'modelflow.dev';

/** Room for `-<8 characters of a stamp>` and `-router` within the 63 characters that a Service may have. */
const longestBase = 45;
const startsWithLetter = /^[a-z]([a-z0-9-]*[a-z0-9])?$/;
/** A service of such a name would meet the objects of another one: its router, or one of its revisions. */
const looksLikeOurs = /-(router|[0-9a-f]{8})$/;

/**
 * The name of a service's objects in Kubernetes: the name itself where it is a DNS-1035 label that is short enough, else a readable part
 * of it with a hash, so that two services never share a name.
 */
export function baseName(service: string): string {
  if (startsWithLetter.test(service) && service.length <= longestBase && !looksLikeOurs.test(service)) return service;
  const readable = service
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, longestBase - 8)
    .replace(/-+$/, '');
  return `${readable === '' ? 's' : readable}-x${digest(service).slice(0, 6)}`;
}

/** Eight characters that tell the revisions of a service apart in names. */
export function shortStamp(stamp: string): string {
  return labelStamp(stamp).slice(0, 8);
}

/** The stamp as far as a label can hold it; the annotation of the same name has the whole. */
export function labelStamp(stamp: string): string {
  return /^[0-9a-f]{16,}$/.test(stamp) ? stamp.slice(0, 16) : digest(stamp).slice(0, 16);
}

export function revisionName(service: string, stamp: string): string {
  return `${baseName(service)}-${shortStamp(stamp)}`;
}

export function routerName(service: string): string {
  return `${baseName(service)}-router`;
}

/** Selects all that is ours of a service. */
export function ownedBy(service: string): string {
  return `app.kubernetes.io/managed-by=modelflow,${domain}/service=${baseName(service)}`;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
