import type { FactsOf } from '../../../core/index.ts';
import type { BundleManifest } from '../../../core/serve/index.ts';
import type { EvalReport } from '../../kinds.ts';

/** What the attestations are about. */
export interface AttestedImage {
  /** Repository without a tag. */
  readonly name: string;
  readonly tag: string;
  /** `sha256:…` of the manifest. */
  readonly digest: string;
  /** `linux/amd64` */
  readonly platform: string;
}

/** What is known of the model beside its bytes. */
export interface AttestedModel {
  readonly bundle: BundleManifest;
  /** sha256 of the model's file. */
  readonly sha256: string | undefined;
  readonly evaluation?: FactsOf<typeof EvalReport> | undefined;
}
