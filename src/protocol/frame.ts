/** One masked record as OTLP/JSON text, or one masked measurement as JSON, numbered within its life. */
export interface Log {
  readonly seq: number;
  readonly text: string;
  /** Which of the life's frames it stands in. */
  readonly frame: number;
  /** Kept longest and sent first. */
  readonly anomalous: boolean;
}

/**
 * One `ResourceLogs` in three texts: the number of the first record goes between `head` and `middle`, the
 * records between `middle` and `tail`. Records of one model on one device share a frame. Of measurements, which are
 * added up, `head` is their sender as JSON.
 */
export interface Frame {
  readonly head: string;
  readonly middle: string;
  readonly tail: string;
}

/**
 * An export request over `logs`, which have consecutive numbers. A change of frame starts a new
 * `ResourceLogs` that carries its own first number, so each record's number follows from its place.
 */
export function assemble(logs: readonly Log[], frameOf: (id: number) => Frame): string {
  const parts: string[] = [];
  let open: Frame | undefined;
  let id: number | undefined;
  for (const log of logs) {
    if (open !== undefined && log.frame === id) {
      parts.push(',', log.text);
      continue;
    }
    if (open !== undefined) parts.push(open.tail, ',');
    open = frameOf(log.frame);
    id = log.frame;
    parts.push(open.head, String(log.seq), open.middle, log.text);
  }
  return `{"resourceLogs":[${parts.join('')}${open?.tail ?? ''}]}`;
}
