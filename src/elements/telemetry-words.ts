/** What went wrong on the way to the collector, in words, and what becomes of the records. */
const troubles: Readonly<Record<string, string>> = {
  no_answer: 'The collector did not answer. The records are kept and sent again later.',
  storage_blocked: 'This browser blocks storage. Records wait in memory and are lost with this page.',
  journal_full: 'The journal is full. The oldest ordinary records make room, and are counted as dropped.',
  too_large: 'The collector found the bytes too many. They are cut in two and sent again.',
};

export function troubleText(reason: string, blocked: boolean): string {
  const refused = /^refused_(\d+)$/.exec(reason)?.[1];
  const text =
    refused === undefined
      ? (troubles[reason] ?? `${plainReason(reason)}.`)
      : `The collector refused the bytes with HTTP ${refused}.`;
  return blocked ? `${text} It looks as if something in this browser blocks the requests.` : text;
}

/** Reasons are counted by a code such as `no_consent`; people read it without the underscore. */
export const plainReason = (reason: string): string => reason.replaceAll('_', ' ');
