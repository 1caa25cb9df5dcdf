import { defineTarget } from '../../../core/index.ts';
import { OciImage } from '../../kinds.ts';
import { applyService } from '../kubernetes/apply.ts';
import { checkService } from '../kubernetes/check.ts';
import { clusterOf } from '../kubernetes/context.ts';
import { diffOf } from '../kubernetes/diff.ts';
import { liveService, lookAt } from '../kubernetes/live-state.ts';
import { logsOf } from '../kubernetes/logs.ts';
import { isThere } from '../kubernetes/namespace.ts';
import { probeService } from '../kubernetes/probe.ts';
import { removeService } from '../kubernetes/remove.ts';
import { renderFormats, renderService } from '../kubernetes/render.ts';
import { observeRouters, tokenOfRouters } from '../kubernetes/routers.ts';
import { kubernetesSettings } from '../kubernetes/settings.ts';

/**
 * Runs services in a Kubernetes cluster: one Deployment for each release, server-side applied; requests are split by a router in front, or
 * by how many pods each release has.
 */
export const kubernetes = defineTarget({
  name: 'kubernetes',
  version: 1,
  settings: kubernetesSettings,
  runs: [OciImage],
  check: checkService,
  async read(ctx, service) {
    const cluster = await clusterOf(ctx, 'reading');
    return liveService(cluster, service, await lookAt(cluster, service));
  },
  apply: applyService,
  probe: probeService,
  remove: removeService,
  split: ({ settings }) =>
    settings.traffic === 'router' ? { by: 'requests', mirrors: true } : { by: 'replicas', replicas: settings.replicas },
  async observe(ctx, service) {
    const cluster = await clusterOf(ctx, 'reading');
    if (ctx.settings.traffic === 'replicas' || !(await isThere(cluster))) return { sources: [] };
    return observeRouters(cluster, service, await tokenOfRouters(cluster, service));
  },
  diff: diffOf,
  renders: renderFormats,
  render: renderService,
  logs: logsOf,
});
