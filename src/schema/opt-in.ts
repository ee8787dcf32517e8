/**
 * `mask`: without what the detectors find, up to the field's length. `truncate`: the first 200 of that. `hash`: no text,
 * but its digest under this install's key of the month; an input's stands on every record. `drop`: nothing.
 */
export type TextTreatment = 'drop' | 'mask' | 'hash' | 'truncate';

/** What of texts may leave where an application opts in, after consent. Without it none does. */
export interface TextTelemetry {
  /** Default `drop`. */
  readonly input?: TextTreatment;
  /** What a model generates. Default `drop`. */
  readonly output?: TextTreatment;
  /**
   * Given names and surnames to look for, in any case of letters: of people, nothing else tells them from words. Postal
   * addresses are looked for by how their country writes them. Neither is found always.
   */
  readonly people?: readonly string[];
}
