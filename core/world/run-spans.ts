import type { Attributes, Span } from '@opentelemetry/api';
import type { Diagnostic } from '../spec/diagnostic.ts';
import type { RunEvent } from '../spec/event.ts';

/** Begins a span, in another one or in what the run as a whole belongs to. */
export type BeginSpan = (name: string, at: Date, attributes: Attributes, within: Span | undefined) => Span;

/** A run as spans: one of the run, and in it one of each node that was begun or reused. */
export interface RunSpans {
  add(event: RunEvent): void;
  /** Ends what a run that did not come to its own end has left open. */
  end(): void;
}

/** SpanStatusCode.ERROR of the API, which is only loaded where traces are sent. */
const failed = 2;

type NodeEvent = Extract<
  RunEvent,
  {
    type:
      | 'gate-judged'
      | 'policy-judged'
      | 'approval-needed'
      | 'approval-given'
      | 'node-started'
      | 'node-retried'
      | 'node-reused'
      | 'node-finished'
      | 'node-failed'
      | 'released'
      | 'release-refused'
      | 'rolled-back';
  }
>;

export function runSpans(begin: BeginSpan): RunSpans {
  const nodes = new Map<string, { readonly span: Span; endAt: Date | undefined }>();
  let run: Span | undefined;
  let now = new Date(0);
  const tell = (node: string, event: NodeEvent): void => {
    const known = nodes.get(node) ?? { span: begin(node, now, { 'cicd.pipeline.task.name': node }, run), endAt: undefined };
    nodes.set(node, known);
    tellNode(known.span, event, now);
    // Kept open until the run ends: a policy may judge what a node has made, and the time counts all the same.
    if (event.type === 'node-reused' || event.type === 'node-finished' || event.type === 'node-failed') known.endAt = now;
  };
  const endAll = (): void => {
    for (const { span, endAt } of nodes.values()) span.end(endAt ?? now);
    nodes.clear();
    run?.end(now);
    run = undefined;
  };
  return {
    add(event) {
      now = new Date(event.at);
      switch (event.type) {
        case 'run-started':
          run = begin('modelflow run', now, runAttributes(event), undefined);
          break;
        case 'run-ended':
          run?.setAttribute('cicd.pipeline.result', event.outcome === 'ok' ? 'success' : event.outcome);
          if (event.outcome !== 'ok') run?.setStatus({ code: failed, message: event.outcome });
          endAll();
          break;
        default:
          if (isOfNode(event) && event.node !== undefined) tell(event.node, event);
      }
    },
    end: endAll,
  };
}

const ofNodes: ReadonlySet<string> = new Set<NodeEvent['type']>([
  'gate-judged',
  'policy-judged',
  'approval-needed',
  'approval-given',
  'node-started',
  'node-retried',
  'node-reused',
  'node-finished',
  'node-failed',
  'released',
  'release-refused',
  'rolled-back',
]);

function isOfNode(event: RunEvent): event is NodeEvent {
  return ofNodes.has(event.type);
}

function runAttributes(event: Extract<RunEvent, { type: 'run-started' }>): Attributes {
  return {
    'cicd.pipeline.name': event.pipeline,
    'cicd.pipeline.run.id': event.run,
    'modelflow.profile': event.profile,
    'modelflow.version': event.modelflow,
    ...(event.planDigest === undefined ? {} : { 'modelflow.plan.digest': event.planDigest }),
  };
}

function tellNode(span: Span, event: NodeEvent, at: Date): void {
  switch (event.type) {
    case 'node-started':
      span.setAttributes({
        'modelflow.stage': event.stage,
        'modelflow.fingerprint': event.fingerprint,
        'modelflow.attempts': event.attempt,
        'modelflow.reused': false,
      });
      break;
    case 'node-reused':
      span.setAttributes({
        'modelflow.stage': event.parts.stage,
        'modelflow.fingerprint': event.fingerprint,
        'modelflow.digest': event.digest,
        'modelflow.reused': true,
      });
      break;
    case 'node-finished':
      span.setAttributes({ 'modelflow.digest': event.digest, 'modelflow.size_bytes': event.sizeBytes });
      break;
    case 'node-failed':
      tellFailure(span, event.diagnostics);
      break;
    case 'node-retried':
      span.addEvent(
        'retry',
        { attempt: event.attempt, pause_ms: event.pauseMs, code: event.diagnostic.code, message: event.diagnostic.message },
        at,
      );
      break;
    default:
      tellOther(span, event, at);
  }
}

type OtherEvent = Exclude<NodeEvent, { type: `node-${string}` }>;

function tellOther(span: Span, event: OtherEvent, at: Date): void {
  switch (event.type) {
    case 'gate-judged':
      span.addEvent('gate', { text: event.text, verdict: event.verdict, detail: event.detail }, at);
      break;
    case 'policy-judged':
      span.addEvent('policy', { policy: event.policy, verdict: event.verdict, message: event.message }, at);
      break;
    case 'approval-needed':
      span.addEvent('approval needed', { why: event.why }, at);
      break;
    case 'approval-given':
      span.addEvent('approval given', event.by === undefined ? {} : { by: event.by }, at);
      break;
    case 'released':
      span.addEvent('released', { service: event.release.service, target: event.release.target, release: event.release.stamp }, at);
      break;
    case 'release-refused':
      span.addEvent('release refused', { service: event.service, why: event.why }, at);
      break;
    case 'rolled-back':
      span.addEvent('rolled back', { service: event.service, release: event.release.stamp }, at);
      break;
  }
}

function tellFailure(span: Span, diagnostics: readonly Diagnostic[]): void {
  const [first] = diagnostics;
  span.setStatus({ code: failed, message: diagnostics.map((each) => `${each.code}: ${each.message}`).join('\n') });
  if (first) span.setAttribute('error.type', first.code);
}
