import { simHashBits } from '../observe/activations/sim-hash.ts';
import { epochMilliseconds } from '../shared/units.ts';
import type { DigestTexts } from './request.ts';

/** What hashes are salted with, and the id of the key it was made with; a salt of this worker's life has none. */
export interface Salt {
  readonly hex: string;
  readonly keyId?: string;
}

/** @param ofThisLife where there is no consent to keep a key, or no storage to keep it in */
export async function saltOf(digest: DigestTexts, ofThisLife: string): Promise<Salt> {
  const found = await digest(['sonde.simhash'], epochMilliseconds(Date.now()));
  const [hex] = found?.digests ?? [];
  return found === undefined || hex === undefined ? { hex: ofThisLife } : { hex, keyId: found.keyId };
}

/**
 * Normals of random planes that nobody without the salt can make: AES-CTR's key stream, and Box & Muller (1958).
 * @param salt 64 hex digits
 * @returns [64 * d], standard normal
 */
export async function planesOf(salt: string, d: number): Promise<Float32Array> {
  const bytes = Uint8Array.from(salt.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const key = await crypto.subtle.importKey('raw', bytes, 'AES-CTR', false, ['encrypt']);
  const count = simHashBits * d;
  const stream = await crypto.subtle.encrypt(
    { name: 'AES-CTR', counter: new Uint8Array(16), length: 64 },
    key,
    new Uint8Array(4 * count),
  );
  const uniform = Float64Array.from(new Uint32Array(stream), (word) => (word + 0.5) / 2 ** 32);
  return Float32Array.from({ length: count }, (_, i) => {
    const [u, v] = [uniform[i - (i % 2)] as number, uniform[i - (i % 2) + 1] as number];
    const radius = Math.sqrt(-2 * Math.log(u));
    return i % 2 === 0 ? radius * Math.cos(2 * Math.PI * v) : radius * Math.sin(2 * Math.PI * v);
  });
}
