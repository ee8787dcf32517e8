import type { Anatomy } from '../instrument/anatomy.ts';

/** Whether tokens are chosen from the logits of this graph. */
export const generates = ({ kind }: Pick<Anatomy, 'kind'>): boolean =>
  kind === 'decoder' || kind === 'encoder-decoder';
