export { z } from 'zod';
export { credentialsFor } from './registry/credentials.ts';
export { openRegistry } from './registry/open.ts';
export { type ImageReference, parseImageReference } from './registry/reference.ts';
export type {
  Attachment,
  Pulled,
  Pushed,
  PushRequest,
  Referrer,
  Registry,
  RegistrySettings,
} from './registry/registry.ts';
export * from './spec/artifact.ts';
export * from './spec/codes.ts';
export { type Diagnostic, failure, ModelflowError, type Place } from './spec/diagnostic.ts';
export { all, any, atLeast, atMost, dropAtMost, must } from './spec/gate.ts';
export { type Axis, type Cell, type Matrix, matrix } from './spec/matrix.ts';
export { type AlertRule, defineMonitor, isMonitor, type Monitor, type MonitorVerdict, type Sample } from './spec/monitor.ts';
export { nearest } from './spec/nearest.ts';
export { parseOptions } from './spec/options.ts';
export { definePipeline, isUsableName, type Pipeline, type PipelineDef, type Wanted } from './spec/pipeline.ts';
export type { LiveChange, Plan, PlannedApproval, PlannedGate, PlannedPolicy, Step } from './spec/plan.ts';
export {
  type FactsGiven,
  type Finding,
  type Findings,
  type PlanGiven,
  type Policy,
  type PolicyNode,
  policy,
  refuse,
  warn,
} from './spec/plan-policy.ts';
export {
  BridgeError,
  type Log,
  type ProcessRequest,
  type ProcessResult,
  type ProcessRunner,
  type PythonEnvironment,
  type PythonRequest,
  type PythonRunner,
} from './spec/port.ts';
export type {
  CommonOptions,
  Gate,
  Given,
  Needing,
  Placement,
  Ref,
  Stage,
  StageContext,
  StageDef,
  Standing,
} from './spec/ref.ts';
export {
  defineRemoteStore,
  type RemoteChoice,
  type RemoteContent,
  RemoteError,
  type RemotePart,
  type RemoteStore,
  type RemoteStoreDef,
} from './spec/remote.ts';
export { isSecret, type Secret, type SecretSource, secret, secretText } from './spec/secret.ts';
export { many, optional } from './spec/slot.ts';
export { file, folder, type Source } from './spec/source.ts';
export { defineStage } from './spec/stage.ts';
export { Analysis, blueGreen, canary, isStrategy, rolling, type Strategy, shadow } from './spec/strategy.ts';
export {
  type Change,
  type DesiredRevision,
  type DesiredService,
  defineTarget,
  type Health,
  isTarget,
  type LiveService,
  type LogLine,
  type RenderedFile,
  type RenderGiven,
  type Revision,
  type Split,
  type Target,
  type TargetContext,
  type TargetDef,
} from './spec/target.ts';
export {
  type ComparedTraffic,
  latencyBoundsMs,
  latencyStep,
  type RevisionTraffic,
  type TrafficReport,
  type TrafficSource,
} from './spec/traffic.ts';
export type { Phase, Seen, Verdict } from './spec/verdict.ts';
export { oci } from './store/remote/oci.ts';
export { s3 } from './store/remote/s3.ts';
export { cacheFolderIfAny } from './world/cache-folder.ts';
