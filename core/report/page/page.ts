import { createHash } from 'node:crypto';
import type { GraphLayout } from '../graph-shape.ts';
import { chartsPart } from './charts.ts';
import { deploymentsPart } from './deployments.ts';
import { graphLayout, graphPart } from './graph.ts';
import { outcomeText, pageHead } from './head.ts';
import { html, type Markup, raw } from './html.ts';
import { metricsPart } from './metrics.ts';
import { type Part, partMarkup } from './parts.ts';
import { problemsPart } from './problems.ts';
import type { RunRecord } from './record.ts';
import { pageScript } from './script.ts';
import { stagesPart } from './stages.ts';
import { styleSheet } from './style.ts';
import { timelinePart } from './timeline.ts';
import { verdictsPart } from './verdicts.ts';

/** The first line of every report: by it a report is told from another file of the same name. */
export const reportMarker = '<!doctype html><!-- modelflow report -->';

/** Served by `modelflow ui`: where the page hears of changes, and the other runs one may look at. */
export interface LivePage {
  /** The path of the event stream; undefined for a run that is over. */
  readonly events: string | undefined;
  readonly runs: readonly { readonly run: string; readonly href: string; readonly isShown: boolean }[];
}

/** The page in pieces: what a live page sends again when it has changed, by id, in order. */
export interface PagePieces {
  readonly title: string;
  readonly pieces: ReadonlyMap<string, string>;
  readonly navigation: string;
}

/** The whole report as one file that needs nothing else. */
export async function reportPage(record: RunRecord): Promise<string> {
  return wholePage(pagePieces(record, await graphLayout(record)));
}

export function pagePieces(record: RunRecord, layout: GraphLayout | undefined): PagePieces {
  const parts = [
    problemsPart(record),
    metricsPart(record),
    chartsPart(record),
    verdictsPart(record),
    graphPart(record, layout),
    timelinePart(record),
    deploymentsPart(record),
    stagesPart(record),
  ].filter((part) => part !== undefined);
  const pieces = new Map([['head', pageHead(record).markup], ...parts.map((part) => [part.id, partMarkup(part).markup] as const)]);
  const { pipeline, profile } = record.view;
  return { title: `${pipeline} ${profile}: ${outcomeText(record)}`, pieces, navigation: navigation(parts).markup };
}

function navigation(parts: readonly Part[]): Markup {
  return html`<ul id="navigation">${parts.map(({ id, title, count }) => html`<li><a href="#${id}">${title}${count !== undefined && ` (${count})`}</a></li>`)}</ul>`;
}

/** Everything put together. The policy lets the page run its own script and nothing else, and reach nothing but its own server. */
export function wholePage({ title, pieces, navigation: links }: PagePieces, live?: LivePage): string {
  const style = styleSheet();
  const policy = contentPolicy(style, live !== undefined);
  const options = live?.runs.map(
    ({ run, href, isShown }) => html`<option value="${href}"${isShown ? raw(' selected') : undefined}>${run}</option>`,
  );
  const chooser =
    options && options.length > 1 ? html`<label class="unseen" for="runs">Run</label><select id="runs">${options}</select>` : undefined;
  const page = html`<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer"><title>${title}</title><link rel="icon" href="data:,"><style>${raw(style)}</style></head>
<body${live?.events === undefined ? undefined : html` data-live="${live.events}"`}><a class="skip" href="#content">Skip to the content</a>
<nav class="page" aria-label="Parts of the report"><div>${raw(links)}${live && html`<span id="live" class="live-note" role="status"></span>`}${chooser}<button type="button" id="theme" hidden>Theme</button></div></nav>
<main id="content" tabindex="-1">${[...pieces.values()].map(raw)}</main>
<footer>Written by modelflow. This page holds everything it shows and asks nobody for anything.</footer>
<script>${raw(pageScript)}</script></body></html>`;
  return `${reportMarker}\n${page.markup}\n`;
}

/** Also sent as a header where the page is served. */
export function contentPolicy(style: string, isServed: boolean): string {
  const sum = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const reach = isServed ? " connect-src 'self';" : '';
  return `default-src 'none'; style-src ${sum(style)}; script-src ${sum(pageScript)}; img-src data:;${reach} base-uri 'none'; form-action 'none'`;
}
