import type { ModelInfo } from '../protocol/model.ts';
import type { Preparation } from '../shared/parity.ts';

/** Files that say how a text becomes numbers. Images and sound come as tensors: who made those is not seen here. */
const prepares = /^tokenizer[^/]*$/;

/** What decides, beside the weights, how an input is read and an output is told. */
export const preparationOf = ({
  files,
  context,
  temperature,
  labels,
}: Pick<ModelInfo, 'files' | 'context' | 'temperature' | 'labels'>): Preparation => ({
  ...Object.fromEntries(
    files.filter(({ path }) => prepares.test(path)).map(({ path, sha256 }) => [path, sha256]),
  ),
  ...(context === undefined ? {} : { 'longest input': `${context} tokens` }),
  ...(temperature === undefined ? {} : { temperature: String(temperature) }),
  ...(labels === undefined ? {} : { labels: labels.join(', ') }),
});
