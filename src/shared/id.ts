import { toHex } from './digest.ts';

export const randomHex = (bytes: number): string => toHex(crypto.getRandomValues(new Uint8Array(bytes)));

/** UUIDv7 (RFC 9562): 48 bits of time, then random, so that ids sort by when they were made. */
export function uuidv7(now: number): string {
  const hex = Math.floor(now).toString(16).padStart(12, '0') + randomHex(10);
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
