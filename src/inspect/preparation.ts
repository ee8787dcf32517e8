import type { ModelInfo } from '../protocol/model.ts';
import type { Preparation } from '../shared/parity.ts';

/** Files that say how an input becomes numbers: of texts, images and sound. */
const prepares = /(^|\/)(tokenizer|vocab|merges|spiece|special_tokens_map|added_tokens|preprocessor)[^/]*$/;

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
