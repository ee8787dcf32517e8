import type { CallId } from '../protocol/calls.ts';

/** Calls under way, by their number and by the model that they ask. */
export interface Calls {
  /** @param model absent for a call that loads one */
  run<T>(call: CallId, model: number | undefined, work: (signal: AbortSignal) => Promise<T>): Promise<T>;
  abort(call: CallId): void;
  /** Stops all calls on a model. Resolves when none of them uses it any more. */
  end(model: number): Promise<void>;
}

interface Call {
  readonly model: number | undefined;
  readonly controller: AbortController;
  readonly settled: Promise<unknown>;
}

export function createCalls(): Calls {
  const calls = new Map<CallId, Call>();
  return {
    async run(call, model, work) {
      const controller = new AbortController();
      const result = work(controller.signal);
      calls.set(call, { model, controller, settled: result.catch(() => undefined) });
      try {
        return await result;
      } finally {
        calls.delete(call);
      }
    },
    abort: (call) => calls.get(call)?.controller.abort(),
    async end(model) {
      const asking = [...calls.values()].filter((call) => call.model === model);
      for (const { controller } of asking) controller.abort();
      await Promise.all(asking.map(({ settled }) => settled));
    },
  };
}
