import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { failure } from '../../../core/index.ts';
import { statementMediaType } from './provenance.ts';
import type { AttestedImage } from './subject.ts';

export const signaturePayloadType = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const envelopeType = 'application/vnd.dsse.envelope.v1+json';

/** What is signed, as its bytes, and the signature over them. */
export interface Signed {
  readonly payload: Buffer;
  readonly signature: Buffer;
}

/** Ed25519 or ECDSA P-256 in PEM. MF3250 for anything else. */
export function signingKey(pem: string): KeyObject {
  if (pem.includes('ENCRYPTED'))
    throw failure('MF3250', 'the key to sign with is encrypted', {
      hint: 'Pass the key itself, from a secret store: `openssl genpkey -algorithm ed25519 -out key.pem` makes one.',
    });
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw failure('MF3250', 'the key to sign with is no private key in PEM', {
      hint: 'It begins with -----BEGIN PRIVATE KEY-----; `openssl genpkey -algorithm ed25519 -out key.pem` makes one.',
      cause,
    });
  }
  return usable(key);
}

function usable(key: KeyObject): KeyObject {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type === 'ed25519' || (type === 'ec' && details?.namedCurve === 'prime256v1')) return key;
  throw failure('MF3250', `a key of type ${type}${details?.namedCurve ? ` on ${details.namedCurve}` : ''} is not used to sign images`, {
    hint: 'Take Ed25519, or ECDSA on P-256.',
  });
}

/** Says that this name belongs to this digest: the payload that cosign, Kyverno and others check. */
export function signImage(image: AttestedImage, key: KeyObject): Signed {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { 'docker-reference': image.name },
        image: { 'docker-manifest-digest': image.digest },
        type: 'cosign container image signature',
      },
      optional: null,
    }),
  );
  return { payload, signature: signed(payload, key) };
}

/** A statement in a DSSE envelope. https://github.com/secure-systems-lab/dsse */
export function sealed(statement: unknown, key: KeyObject): Buffer {
  const payload = Buffer.from(JSON.stringify(statement));
  const head = `DSSEv1 ${statementMediaType.length} ${statementMediaType} ${payload.length} `;
  const sig = signed(Buffer.concat([Buffer.from(head), payload]), key).toString('base64');
  return Buffer.from(
    JSON.stringify({ payloadType: statementMediaType, payload: payload.toString('base64'), signatures: [{ keyid: '', sig }] }),
  );
}

function signed(bytes: Buffer, key: KeyObject): Buffer {
  return sign(algorithmOf(key), bytes, key);
}

/** MF3250 when the text is no public key. */
export function publicKey(pem: string): KeyObject {
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    throw failure('MF3250', 'the key to check signatures with is no public key in PEM', {
      hint: '`openssl pkey -in key.pem -pubout` gives the public part of a private key.',
      cause,
    });
  }
  return usable(key);
}

export function isSignedBy(key: KeyObject, { payload, signature }: Signed): boolean {
  return verify(algorithmOf(key), payload, key, signature);
}

function algorithmOf(key: KeyObject): string | null {
  return key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
}
