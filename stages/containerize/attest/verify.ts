import { failure, openRegistry, parseImageReference } from '../../../core/index.ts';
import { signaturesOf } from './publish.ts';
import { isSignedBy, publicKey } from './signature.ts';

export interface VerifyRequest {
  /** With a tag or a digest. */
  readonly image: string;
  /** The public key in PEM. */
  readonly key: string;
  readonly signal?: AbortSignal;
  readonly insecure?: boolean;
}

/** Checks in the registry that an image was signed with a key, and returns its name by digest: what was checked, whatever the tag means later. MF3252 when it was not. */
export async function verifyImage({ image, key: pem, signal = new AbortController().signal, insecure }: VerifyRequest): Promise<string> {
  const { repository, tag = 'latest', digest: given } = parseImageReference(image);
  const key = publicKey(pem);
  const registry = await openRegistry({ repository, signal, ...(insecure === undefined ? {} : { insecure }) });
  const digest = given ?? (await registry.resolve(tag));
  const signatures = await signaturesOf(registry, digest);
  if (signatures.some((each) => isSignedBy(key, each) && isAbout(each.payload, digest))) return `${repository}@${digest}`;
  const what = signatures.length === 0 ? 'it has no signature' : `none of its ${signatures.length} signatures is by this key`;
  throw failure('MF3252', `${repository}@${digest} is not signed with the key that was given: ${what}`, {
    hint: 'Do not run it. See who pushed it; `containerize({ push: true, signWith: secret(…) })` signs what it pushes.',
  });
}

/** The signature is good; but is this the image that it speaks of? */
function isAbout(payload: Buffer, digest: string): boolean {
  try {
    const { critical } = JSON.parse(payload.toString('utf8')) as {
      readonly critical?: { readonly image?: Readonly<Record<string, unknown>> };
    };
    return critical?.image?.['docker-manifest-digest'] === digest;
  } catch {
    return false;
  }
}
