/** Whoever wants to be told of something. */
export interface Listeners<Event> {
  announce(event: Event): void;
  /** @returns how to stop listening */
  subscribe(listener: (event: Event) => void): () => void;
}

export function createListeners<Event>(): Listeners<Event> {
  const listeners = new Set<(event: Event) => void>();
  return {
    announce(event) {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          // A watcher's fault is the application's to see, never Sonde's to stumble over.
          reportError(error);
        }
      }
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
