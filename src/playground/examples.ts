import type { Task } from '../index.ts';

export interface PageModel {
  readonly id: 'shakespeare-gpt' | 'sentiment';
  readonly task: Task;
  /** The first is the one recorded in public/examples. */
  readonly examples: readonly string[];
}

const winter = 'Now is the winter of our discontent\n';

/** What the page offers. The repeated line shows an induction head at work; "not bad" shows what the classifier cannot read. */
export const pageModels: readonly PageModel[] = [
  {
    id: 'shakespeare-gpt',
    task: 'text-generation',
    examples: [
      winter + winter,
      'ROMEO:\nBut soft, what light through yonder',
      'To be, or not to be: that is the',
      'KING HENRY:\nOnce more unto the breach, dear',
    ],
  },
  {
    id: 'sentiment',
    task: 'text-classification',
    examples: [
      'a gorgeous, witty and tender film about growing old',
      'the plot is thin, the jokes are old and the cast looks bored',
      'not bad at all',
      'i went in expecting little and came out with less',
    ],
  },
];

export const pageModel = (id: string): PageModel | undefined => pageModels.find((model) => model.id === id);

export const recordedUrl = (model: PageModel): string => `examples/${model.id}.json`;
