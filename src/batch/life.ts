import { toHex } from '../shared/digest.ts';
import type { Life } from './messages.ts';

/** Random and kept nowhere: it links the records of one page life, never two visits. */
export const newSession = (): string => toHex(crypto.getRandomValues(new Uint8Array(16)));

export const lifeKey = ({ session, epoch }: Life): string => `${session}:${epoch}`;
