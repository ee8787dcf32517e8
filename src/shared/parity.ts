/** How inputs are made ready for a model, as plain words and digests by what they are of. */
export type Preparation = Readonly<Record<string, string>>;

/** The one of them that every request says of itself. */
export const templateVersion = 'template version';

/** Something that serving does otherwise than it was done before. */
export interface ParityGap {
  readonly of: string;
  readonly training: string;
  /** Absent where serving has no such thing. */
  readonly serving?: string;
}

/** What serving does otherwise. What it does beside that is new, and no gap. */
export const parityGaps = (training: Preparation, serving: Preparation): readonly ParityGap[] =>
  Object.entries(training).flatMap(([of, before]) => {
    const now = serving[of];
    return now === before ? [] : [{ of, training: before, ...(now === undefined ? {} : { serving: now }) }];
  });
