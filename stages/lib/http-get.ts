import type { get } from 'node:http';

/**
 * `get` of node:http, or of node:https for such an address.
 * Asked for when needed and not imported: importing either as a module makes Node load all of `fetch` as well, 25 ms that a plan would wait for.
 */
export function httpGet(address: string): typeof get {
  return process.getBuiltinModule(address.startsWith('https:') ? 'node:https' : 'node:http').get;
}
