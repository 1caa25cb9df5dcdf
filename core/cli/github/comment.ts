import { failure, ModelflowError } from '../../spec/diagnostic.ts';
import type { GithubApi } from './api.ts';

/** A comment that is made once and then kept up to date. */
export interface StickyComment {
  readonly repository: string;
  readonly pullRequest: number;
  readonly run: { readonly id: number; readonly attempt: number };
  /** Of the configuration, from the root of the checkout. */
  readonly config: string;
  /** The first line, by which it is found again. */
  readonly marker: string;
  /** Without the marker. */
  readonly body: string;
  /** Whether there is something to tell when nothing was told before. */
  readonly isWorthBeginning: boolean;
}

export interface Commented {
  /** `left`: a later run has written it already. `none`: there was none, and nothing to begin one for. */
  readonly how: 'created' | 'updated' | 'left' | 'none';
  readonly url: string | undefined;
}

interface Found {
  readonly id: number;
  readonly body: string;
  readonly url: string | undefined;
}

/**
 * Writes the comment, in place of the last one with the same marker. Two runs may do so at once: of two comments the older stays, and a
 * run never writes over what a later one wrote. Comments of others do not count, whatever stands in them.
 */
export async function writeComment(api: GithubApi, comment: StickyComment): Promise<Commented> {
  const ours = await ownComments(api, comment);
  const first = ours.find(({ body }) => body.startsWith(comment.marker)) ?? (await begun(api, comment));
  if (first === undefined) return { how: 'none', url: undefined };
  if ('how' in first) return first;
  return rewrite(api, comment, first);
}

/** Says in every comment about a configuration that there is no plan any more: which pipelines it held cannot be known while it does not load. */
export async function spoilComments(
  api: GithubApi,
  comment: Omit<StickyComment, 'marker' | 'isWorthBeginning'>,
  kind: string,
): Promise<number> {
  const found = await ownComments(api, comment);
  const about = found.filter(
    ({ body }) => body.startsWith(`<!-- modelflow ${kind}: `) && stampOf(body)?.config === shortened(comment.config),
  );
  for (const each of about) await rewrite(api, { ...comment, marker: each.body.split('\n', 1)[0] ?? '', isWorthBeginning: false }, each);
  return about.length;
}

async function rewrite(api: GithubApi, comment: StickyComment, found: Found): Promise<Commented> {
  const by = stampOf(found.body);
  const isLater = by !== undefined && (by.run > comment.run.id || (by.run === comment.run.id && by.attempt > comment.run.attempt));
  if (isLater) return { how: 'left', url: found.url };
  await api.ask('PATCH', `/repos/${comment.repository}/issues/comments/${found.id}`, { body: textOf(comment) });
  return { how: 'updated', url: found.url };
}

/** Makes the comment. When another run did the same in between, the older of the two stays, and is told what is to be told. */
async function begun(api: GithubApi, comment: StickyComment): Promise<Commented | Found | undefined> {
  if (!comment.isWorthBeginning) return undefined;
  const path = `/repos/${comment.repository}/issues/${comment.pullRequest}/comments`;
  const made = await api.ask('POST', path, { body: textOf(comment) }).then(commentIn, async (error: unknown) => {
    // The answer was lost, or the request: only the list can tell.
    if (!(error instanceof ModelflowError) || error.diagnostics[0]?.code !== 'MF1212') throw error;
    const [found] = (await ownComments(api, comment)).filter(({ body }) => body.startsWith(comment.marker));
    if (found) return found;
    throw error;
  });
  if (made === undefined) throw failure('MF1212', `GitHub answered POST ${path} with something that is no comment`);
  const all = (await ownComments(api, comment)).filter(({ body }) => body.startsWith(comment.marker));
  const [first = made] = all;
  if (first.id === made.id) return { how: 'created', url: made.url };
  await api.ask('DELETE', `/repos/${comment.repository}/issues/comments/${made.id}`);
  return first;
}

/** The comments that were written with this token or by a bot, the oldest first. */
async function ownComments(
  api: GithubApi,
  { repository, pullRequest }: Pick<StickyComment, 'repository' | 'pullRequest'>,
): Promise<readonly Found[]> {
  const all = await api.list(`/repos/${repository}/issues/${pullRequest}/comments`);
  const marked = all.flatMap((each) => {
    const found = commentIn(each);
    return found?.body.startsWith('<!-- modelflow ') ? [{ found, author: authorOf(each) }] : [];
  });
  // Only a person's token can tell whose it is; that of a job belongs to a bot, as whom nobody else can write.
  const me = marked.some(({ author }) => author?.type === 'User') ? await ownLogin(api) : undefined;
  return marked
    .filter(({ author }) => author === undefined || author.type !== 'User' || (me !== undefined && author.login === me))
    .map(({ found }) => found)
    .sort((a, b) => a.id - b.id);
}

async function ownLogin(api: GithubApi): Promise<string | undefined> {
  try {
    const user = await api.ask('GET', '/user');
    return (user as { readonly login?: string } | undefined)?.login;
  } catch (error) {
    // The token of a job may not ask that.
    if (error instanceof ModelflowError && error.diagnostics[0]?.code === 'MF1211') return undefined;
    throw error;
  }
}

function commentIn(answer: unknown): Found | undefined {
  const { id, body, html_url: url } = (answer ?? {}) as { readonly id?: unknown; readonly body?: unknown; readonly html_url?: unknown };
  if (typeof id !== 'number') return undefined;
  return { id, body: typeof body === 'string' ? body.replaceAll('\r\n', '\n') : '', url: typeof url === 'string' ? url : undefined };
}

function authorOf(answer: unknown): { readonly login: string; readonly type: string } | undefined {
  return (answer as { readonly user?: { readonly login: string; readonly type: string } | null }).user ?? undefined;
}

/** The second line: who wrote it, so that an older run does not write over a later one. */
function textOf({ marker, run, config, body }: StickyComment): string {
  const stamp = `<!-- modelflow run=${run.id} attempt=${run.attempt} config=${shortened(config)} -->`;
  // Half of a pair of code units is no text, and would be refused.
  return `${marker}\n${stamp}\n${body}`.toWellFormed();
}

function stampOf(body: string): { readonly run: number; readonly attempt: number; readonly config: string } | undefined {
  const [, run, attempt, config] = /^[^\n]*\n<!-- modelflow run=(\d+) attempt=(\d+) config=(\S*) -->/.exec(body) ?? [];
  if (run === undefined || attempt === undefined || config === undefined) return undefined;
  return { run: Number(run), attempt: Number(attempt), config };
}

/** What can stand in a comment of HTML, and leaves room for the rest. */
function shortened(config: string): string {
  return encodeURIComponent(config.toWellFormed()).slice(-500);
}
