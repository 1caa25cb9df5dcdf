import type { NodeState } from '../../plan/node-view.ts';
import { type Html, html, type Markup, raw } from './html.ts';

/** A part of the page with a heading. Its `id` is what live updates replace and the navigation names. */
export interface Part {
  readonly id: string;
  readonly title: string;
  readonly body: Markup;
  /** A figure beside its name in the navigation, such as how many gates there are. */
  readonly count?: string;
}

export function partMarkup({ id, title, body }: Part): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${title}</h2>${body}</section>`;
}

const states: Readonly<Record<NodeState, readonly [sign: string, word: string]>> = {
  done: ['✓', 'made'],
  reused: ['↺', 'reused'],
  failed: ['✗', 'failed'],
  skipped: ['–', 'skipped'],
  held: ['‖', 'held back'],
  stopped: ['■', 'stopped'],
  waiting: ['○', 'not begun'],
  running: ['▶', 'running'],
  retrying: ['⟳', 'trying again'],
  unapproved: ['?', 'needs approval'],
  paused: ['?', 'paused'],
};

export function stateWord(state: NodeState): string {
  return states[state][1];
}

export function stateSign(state: NodeState): string {
  return states[state][0];
}

/** A state as a sign and a word: colour only helps. */
export function badge(state: NodeState): Markup {
  return mark(state, stateSign(state), stateWord(state));
}

/** `tone` is the class that colours it: a state, or `pass`, `fail`, `warn`. */
export function mark(tone: string, sign: string, word: string): Markup {
  return html`<span class="badge ${tone}"><span aria-hidden="true">${sign}</span> ${word}</span>`;
}

/** For a name that somebody chose: it cannot turn the direction of the text around it. */
export function name(text: string): Markup {
  return html`<bdi class="name">${text}</bdi>`;
}

/** The local time is put in by the script; without one, UTC stands there and says so. */
export function time(iso: string): Markup {
  return html`<time datetime="${iso}">${iso.replace('T', ' ').replace(/\.\d+Z$|Z$/, ' UTC')}</time>`;
}

/** Rows under a head; wide tables scroll inside their own frame, which the keyboard reaches. */
export function table(
  caption: string,
  head: readonly Html[],
  rows: readonly Markup[],
  more: { readonly class?: string; readonly foot?: Html } = {},
): Markup {
  const cells = head.map((cell) => html`<th scope="col">${cell}</th>`);
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table class="${more.class ?? ''}"><caption class="unseen">${caption}</caption><thead><tr>${cells}</tr></thead><tbody>${rows}</tbody>${more.foot ?? raw('')}</table></div>`;
}

/** Name and value pairs; a pair without a value is left out. */
export function pairs(of: readonly (readonly [string, Html])[]): Markup {
  const shown = of.filter(([, value]) => value !== undefined && value !== false && value !== '');
  return html`<dl class="pairs">${shown.map(([key, value]) => html`<div><dt>${key}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A link for what a browser may follow from here; anything else stays text. */
export function link(url: string): Markup {
  return /^https?:\/\//i.test(url) ? html`<a href="${url}" rel="noreferrer noopener">${url}</a>` : html`${url}`;
}
