import { toHex } from '../shared/digest.ts';
import type { Life, PageLife } from './messages.ts';

/** Random and kept nowhere: it links the records of one page life, never two visits. */
export const newSession = (): string => toHex(crypto.getRandomValues(new Uint8Array(16)));

export const pageKey = ({ session, epoch }: PageLife): string => `${session}:${epoch}`;

export const lifeKey = (life: Life): string => `${pageKey(life)}:${life.signal}`;
