declare const sha256Brand: unique symbol;
/** 64 lower-case hex digits. */
export type Sha256Hex = string & { readonly [sha256Brand]: true };

export function toHex(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += byte.toString(16).padStart(2, '0');
  return hex;
}

export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Sha256Hex> {
  return toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))) as Sha256Hex;
}

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/**
 * One text for one value: keys sorted by code unit, no white space, numbers as ECMAScript prints them
 * (the rules of RFC 8785). Two equal plans have one digest whatever order their keys were written in.
 */
export function canonicalJson(value: Json): string {
  if (value === null || typeof value !== 'object') {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new RangeError('JSON has no NaN or infinity');
    return JSON.stringify(value);
  }
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(canonicalJson).join(',')}]`;
  const entries = Object.entries(value as { readonly [key: string]: Json }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`).join(',')}}`;
}

export const digestOf = (value: Json): Promise<Sha256Hex> =>
  sha256(new TextEncoder().encode(canonicalJson(value)));
