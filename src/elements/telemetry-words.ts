import type { TelemetryEvent } from '../protocol/telemetry.ts';
import { bytesText, countText, durationText } from './format.ts';

export type EventOf<Kind extends TelemetryEvent['kind']> = Extract<TelemetryEvent, { kind: Kind }>;

/** What went wrong on the way to the collector, in words, and what becomes of the records. */
const troubles: Readonly<Record<string, string>> = {
  no_answer: 'The collector did not answer. The records are kept and sent again later.',
  storage_blocked: 'This browser blocks storage. Records wait in memory and are lost with this page.',
  backend_failed: 'The backend failed. The records are kept and given to it again later.',
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

export function sentText({ signal, transport, url, records, size, seq }: EventOf<'sent'>): string {
  const what = signal === 'logs' ? 'record' : 'measurement';
  const count = `${countText(records)} ${what}${records === 1 ? '' : 's'}`;
  return `${transport} to ${url}, ${count} from number ${seq}, ${bytesText(size)}`;
}

export function answerText({ status, control }: EventOf<'answer'>): string {
  switch (control.kind) {
    case 'ack': {
      const ranges = control.stored.flatMap(({ ranges }) =>
        ranges.map(([first, last]) => (first === last ? `${first}` : `${first} to ${last}`)),
      );
      const refused = Object.entries(control.rejected).map(
        ([reason, count]) => `; refused ${countText(count)} ${plainReason(reason)}`,
      );
      const stored =
        ranges.length === 0 ? 'nothing new is on disk' : `on disk by number: ${ranges.join(', ')}`;
      return `HTTP ${status}: ${stored}${refused.join('')}.`;
    }
    case 'backoff':
      return `HTTP ${status}: asks to wait ${durationText(control.retryAfter)} (${plainReason(control.reason)}). The records are kept.`;
    case 'policy':
      return `HTTP ${status}: ${control.off ? 'asks to stop sending' : `asks to keep ${control.sampling ?? 'the same share'} of the records`}.`;
  }
}

/** One line of the timeline; the books have a view of their own. */
export function eventText(event: TelemetryEvent): string | undefined {
  switch (event.kind) {
    case 'record':
      return `${event.raw.operation}, ${event.raw.outcome}: a record was made and masked`;
    case 'sent':
      return sentText(event);
    case 'answer':
      return answerText(event);
    case 'trouble':
      return troubleText(event.reason, event.blocked);
    case 'consent':
      return event.consent;
    case 'ledger':
      return undefined;
  }
}

/** When it happened, where the event says so. */
export function eventTime(event: TelemetryEvent): number | undefined {
  if (event.kind === 'record') return event.raw.endedAt;
  return 'at' in event ? event.at : undefined;
}
