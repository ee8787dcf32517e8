import type { Notice } from '../elements/notice.ts';
import { type Provenance, SondeError } from '../index.ts';

/** An error as the page says it. Everything that is not a SondeError is a defect of the page, and said to be one. */
export function faultNotice(error: unknown): Notice {
  if (error instanceof SondeError)
    return { tone: 'fault', title: error.message, text: error.remedy, code: error.code };
  const message = error instanceof Error ? error.message : String(error);
  return {
    tone: 'fault',
    title: 'This page made a mistake.',
    text: `${message} What is on screen stays; run again, or reload the page if it keeps happening.`,
    code: 'page_defect',
  };
}

export const isStop = (error: unknown): boolean => error instanceof SondeError && error.code === 'aborted';

/** What a reader of an answer has to know of how it came about. */
export function answerNotice({ recoveries, truncated }: Provenance): Notice | undefined {
  if (recoveries !== undefined)
    return {
      tone: 'note',
      title: 'This machine gave way, and the run got over it.',
      text: recoveries.map(({ message }) => message).join(' '),
      code: recoveries.map(({ code }) => code).join(', '),
    };
  return truncated ? truncationNotice : undefined;
}

const truncationNotice: Notice = {
  tone: 'note',
  title: 'The text was longer than the model can read.',
  text: 'Only the part that fits was used; the tokens below show which.',
};
