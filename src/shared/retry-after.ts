import { type Milliseconds, milliseconds } from './units.ts';

/** Retry-After as RFC 9110 has it: whole seconds or an HTTP date; undefined if it is neither. */
export function retryAfter(header: string | null, now: number): Milliseconds | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return milliseconds(Number(header) * 1000);
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : milliseconds(Math.max(0, date - now));
}
