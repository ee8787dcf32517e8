export type Exclusive = <T>(work: () => Promise<T>) => Promise<T>;

/**
 * One at a time, in order. onnxruntime corrupts its heap when two runs or creates overlap, even on two
 * sessions, so every call into it goes through the one mutex of its thread.
 */
export function createMutex(): Exclusive {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = tail.then(work);
    tail = result.catch(() => undefined);
    return result;
  };
}
