import type { KeyObject } from 'node:crypto';
import { segmentName } from './folder.ts';
import { type Head, isSigned } from './head.ts';
import { genesis } from './line.ts';

/** Something in the log that is not as it was written, and where. */
export interface Fault {
  readonly segment: string;
  /** Counted from 1, as an editor does; the header is line 1. Absent where a whole file is meant. */
  readonly line?: number;
  readonly what: string;
}

/** Where a chunk ends. */
export interface Place {
  /** File name of its segment. */
  readonly segment: string;
  readonly line: number;
  readonly chain: string;
  /** Records found in the log up to here. */
  readonly records: number;
}

/** Holds a signed head against a log, chunk by chunk, as the log is read. */
export class HeadCheck {
  readonly #head: Head;
  /** As a person knows the head: the name of its file. */
  readonly #name: string;
  readonly #isGenuine: boolean;
  readonly #key: KeyObject | undefined;
  /** The chunk that the head is of. */
  #found: Place | undefined;
  /** The first chunk with which the log holds as many records as the head counts. */
  #reached: Place | undefined;
  #last: Place | undefined;

  constructor(head: Head, name: string, key: KeyObject | undefined) {
    this.#head = head;
    this.#name = name;
    this.#key = key;
    this.#isGenuine = key !== undefined && isSigned(head, key);
  }

  see(place: Place): void {
    if (place.chain === this.#head.chain) this.#found = place;
    if (this.#reached === undefined && place.records >= this.#head.records) this.#reached = place;
    this.#last = place;
  }

  /** The head was signed with this log's key, and the log does not have the chunk it was signed at. */
  get isMissed(): boolean {
    return this.#isGenuine && this.#found === undefined && this.#head.chain !== genesis;
  }

  /** Records the log should hold: those the head counts and those found behind it. */
  get due(): number {
    const found = this.#last?.records ?? 0;
    if (!this.#isGenuine) return found;
    return this.isMissed ? this.#head.records : this.#head.records + found - (this.#found?.records ?? 0);
  }

  get fault(): Fault | undefined {
    const { segment, records } = this.#head;
    const at = (place: Place | undefined, what: string): Fault => ({
      segment: place?.segment ?? segmentName(segment),
      ...(place === undefined ? {} : { line: place.line }),
      what: `${this.#name}: ${what}`,
    });
    if (this.#key === undefined)
      return at(undefined, 'it cannot be checked, the public key of this log (signing.pub) is missing');
    if (!this.#isGenuine) return at(undefined, 'its signature is not one by the key of this log');
    if (this.isMissed)
      return this.#reached === undefined
        ? at(
            this.#last,
            `the log ends here, at record ${this.#last?.records ?? 0} of ${records}: its end was removed`,
          )
        : at(
            this.#reached,
            `the log was rewritten, at or before record ${records}: its chain is another one here`,
          );
    const found = this.#found?.records ?? 0;
    return found === records
      ? undefined
      : at(this.#found, `the log holds ${found} records up to here, not ${records}`);
  }
}
