import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

/** What a head says: the log up to a chunk, which the chain value fixes to the last bit. */
export interface HeadClaim {
  /** Number of the segment that the chunk's last line stands in. */
  readonly segment: number;
  /** Records from the log's beginning on. */
  readonly records: number;
  /** Chain value of the chunk's last line. */
  readonly chain: string;
}

/** A claim signed by the collector: kept elsewhere, it proves what the log was, whoever rewrites the folder. */
export interface Head extends HeadClaim {
  readonly format: 1;
  /** Ed25519 public key as base64 of its SubjectPublicKeyInfo: the middle line of its PEM. */
  readonly key: string;
  /** Ed25519 (RFC 8032) over `signedText`, base64. */
  readonly signature: string;
}

/** The bytes under a signature, UTF-8; its first words keep it from being taken for a signature on anything else. */
const signedText = ({ segment, records, chain }: HeadClaim): Buffer =>
  Buffer.from(`sonde log head 1\n${segment}\n${records}\n${chain}\n`);

export const keyText = (publicKey: KeyObject): string =>
  publicKey.export({ type: 'spki', format: 'der' }).toString('base64');

export function signHead(claim: HeadClaim, privateKey: KeyObject): Head {
  const { segment, records, chain } = claim;
  return {
    format: 1,
    segment,
    records,
    chain,
    key: keyText(createPublicKey(privateKey)),
    signature: sign(null, signedText(claim), privateKey).toString('base64'),
  };
}

/** Whether the holder of the private half of `publicKey` made this head. */
export const isSigned = (head: Head, publicKey: KeyObject): boolean =>
  head.key === keyText(publicKey) &&
  verify(null, signedText(head), publicKey, Buffer.from(head.signature, 'base64'));

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

/** A head as it was parsed from JSON; absent for anything else. Its signature is not looked at. */
export function readHead(value: unknown): Head | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const head = value as Partial<Head>;
  const whole =
    head.format === 1 &&
    isCount(head.segment) &&
    isCount(head.records) &&
    [head.chain, head.key, head.signature].every((text) => typeof text === 'string');
  return whole ? (head as Head) : undefined;
}
