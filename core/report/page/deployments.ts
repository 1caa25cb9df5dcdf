import type { LiveChange, Step } from '../../spec/plan.ts';
import { changeText, liveText } from '../change-text.ts';
import { shortDigest } from '../format.ts';
import { html, type Markup } from './html.ts';
import { badge, link, mark, type Part, table } from './parts.ts';
import type { RunRecord } from './record.ts';
import { stageLink } from './verdicts.ts';

/** What became live in this run, what was put back, and what stayed. */
export function deploymentsPart(record: RunRecord): Part | undefined {
  const released = record.view.releases.map(({ node, release, url, how }) => {
    const what = how === 'released' ? mark('done', '✓', 'released') : mark('fail', '↶', 'put back');
    return html`<tr><td>${what}</td><td>${stageLink(record, node)}</td><td>${release.service} on ${release.target}</td><td>${url === undefined ? '' : link(url)}</td><td><code title="${release.stamp}">${shortDigest(release.stamp)}</code></td><td>${artifact(record, release.what)}</td><td>${release.by ?? ''}</td></tr>`;
  });
  const done = new Set(record.view.releases.map(({ node }) => node));
  const others = (record.view.plan?.steps ?? []).flatMap((step) =>
    'live' in step && step.live && !done.has(step.node) ? [untouched(record, step, step.live)] : [],
  );
  if (released.length + others.length === 0) return undefined;
  const head = ['what', 'stage', 'service', 'address', 'release', 'artifact', 'by'];
  return { id: 'deployments', title: 'Deployments', body: html`${table('Deployments', head, [...released, ...others])}${drifts(record)}` };
}

/** A deployment that this run did not change, or did not come to. */
function untouched(record: RunRecord, step: Step, live: LiveChange): Markup {
  const [stamp, digest] = step.do === 'keep' ? [step.fingerprint, step.digest] : [];
  return html`<tr><td>${stateOf(record, step.node, live)}</td><td>${stageLink(record, step.node)}</td><td title="${liveText(live, true)}">${live.service} on ${live.target}</td><td>${live.url === undefined ? '' : link(live.url)}</td><td>${stamp === undefined ? '' : html`<code title="${stamp}">${shortDigest(stamp)}</code>`}</td><td>${digest === undefined ? '' : artifact(record, digest)}</td><td></td></tr>`;
}

function stateOf(record: RunRecord, node: string, live: LiveChange): Markup {
  const state = record.byName.get(node)?.view.state;
  if (live.action === 'none' || state === 'reused') return mark('reused', '=', 'as wanted');
  return live.action === 'held' ? mark('held', '‖', 'held back') : badge(state ?? 'waiting');
}

function artifact(record: RunRecord, digest: string): Markup {
  const made = [...record.view.nodes.values()].find((node) => node.digest === digest);
  const short = html`<code title="${digest}">${shortDigest(digest)}</code>`;
  return made ? html`${short} (${stageLink(record, made.node)})` : short;
}

/** What somebody else changed in the live world before this run. */
function drifts(record: RunRecord): Markup | undefined {
  const lists = (record.view.plan?.steps ?? []).flatMap((step) =>
    'live' in step && step.live && step.live.drift.length > 0
      ? [
          html`<h3>Changed by hand: ${step.live.service}</h3><ul>${step.live.drift.map((each) => html`<li><code>${changeText(each)}</code></li>`)}</ul>`,
        ]
      : [],
  );
  return lists.length === 0 ? undefined : html`${lists}`;
}
