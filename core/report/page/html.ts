import { stripVTControlCharacters } from 'node:util';

/** Text that is HTML already: made by `html` only, so everything that came from outside has been escaped. */
export interface Markup {
  readonly markup: string;
}

/** What may stand in a template: text is escaped, nothing gives nothing. */
export type Html = string | number | Markup | undefined | false | readonly Html[];

export const nothing: Markup = { markup: '' };

/** A template whose values are escaped unless they are markup themselves. Values stand between tags or inside quotes, never elsewhere. */
export function html(strings: TemplateStringsArray, ...values: readonly Html[]): Markup {
  let markup = strings[0] ?? '';
  for (const [index, value] of values.entries()) markup += textOf(value) + (strings[index + 1] ?? '');
  return { markup };
}

/** Markup that is a constant of ours, or was put together from escaped parts. */
export function raw(markup: string): Markup {
  return { markup };
}

function textOf(value: Html): string {
  if (value === undefined || value === false) return '';
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return String(value);
  if ('markup' in value) return value.markup;
  return value.map(textOf).join('');
}

/** Fit for an element and for a quoted attribute. Terminal escapes go; other control characters and halves of a character are shown as U+FFFD. */
export function escapeText(text: string): string {
  return stripVTControlCharacters(text)
    .toWellFormed()
    .replace(/(?![\t\n])\p{Cc}/gu, '\uFFFD')
    .replace(/[&<>"'`]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
