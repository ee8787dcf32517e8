import type { Telemetry, TelemetryEvent } from '../index.ts';
import { rememberConsent } from './consent.ts';
import { part } from './parts.ts';

/** Events kept for the panel; the pipe itself forgets nothing. */
const kept = 60;

/** Shows a Sonde's telemetry in the panel and hands the switch's answer back to it. @returns how to stop */
export function wireTelemetry(telemetry: Telemetry | undefined): () => void {
  const panel = part('sonde-telemetry');
  if (telemetry === undefined) {
    panel.unavailable = 'This Sonde was made without telemetry: nothing can be sent.';
    return () => undefined;
  }
  panel.consent = telemetry.consent;
  const refresh = async (): Promise<void> => {
    panel.ledger = await telemetry.ledger();
  };
  const onEvent = (event: TelemetryEvent): void => {
    panel.events = [...panel.events, event].slice(-kept);
    if (event.kind === 'ledger') panel.ledger = event.ledger;
    else if (event.kind === 'consent') panel.consent = event.consent;
    else void refresh();
  };
  const onConsent = async ({ detail }: CustomEvent<'granted' | 'denied'>): Promise<void> => {
    await telemetry.setConsent(detail);
    panel.consent = telemetry.consent;
    const remembered = telemetry.consent === detail ? rememberConsent(detail) : 'kept';
    panel.unavailable =
      telemetry.consent !== detail
        ? 'Your browser sends a Global Privacy Control signal, so nothing is stored, keyed or sent.'
        : remembered === 'storage blocked'
          ? 'This browser blocks storage: the answer holds for this visit, and records that cannot be delivered now are lost.'
          : undefined;
    await refresh();
  };
  panel.addEventListener('sonde-consent', onConsent);
  const unsubscribe = telemetry.subscribe(onEvent);
  void refresh();
  return () => {
    unsubscribe();
    panel.removeEventListener('sonde-consent', onConsent);
  };
}
