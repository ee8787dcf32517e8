import { startDelivery } from '../../../../src/deliver/delivery.ts';
import type { Ledger } from '../../../../src/protocol/telemetry.ts';
import type { Made, Order } from './worker.ts';

/** What the benchmark calls inside the page. */
export interface Bench {
  /** `count` records named `<prefix>.0`, `<prefix>.1`, ...; `everyMs` 0 makes them all at once. */
  make(prefix: string, count: number, everyMs: number): void;
  readonly made: readonly { readonly id: string; readonly at: number }[];
  /** The worker dies without a word, and another takes its place. */
  replaceWorker(): void;
  /** Sonde's own count; the others publish none. */
  readonly ledger: Ledger | undefined;
}

declare global {
  interface Window {
    bench: Bench;
  }
  /** Vite's; only the peer that is asked for is loaded. */
  interface ImportMeta {
    glob<Module>(pattern: string): Readonly<Record<string, () => Promise<Module>>>;
  }
}

type Start = (endpoint: string) => (fields: object) => void;
const peers = import.meta.glob<{ start: Start }>('../peers/*.js');

const parameters = new URLSearchParams(location.search);
const endpoint = parameters.get('endpoint') ?? '';
const sdk = parameters.get('sdk') ?? '';
const peer = (await peers[`../peers/${sdk}.js`]?.())?.start(endpoint);
const delivery =
  peer === undefined
    ? startDelivery({ endpoint, key: 'pk_bench', consent: 'granted', onEvent: () => undefined })
    : undefined;

const made: { id: string; at: number }[] = [];
let worker: Worker;
const order = (message: Order, transfer: Transferable[] = []): void => worker.postMessage(message, transfer);

function startWorker(): void {
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data: { id, at, fields } }: MessageEvent<Made>) => {
    made.push({ id, at });
    if (fields !== undefined) peer?.(fields);
  };
  const seat = delivery?.connect();
  if (seat !== undefined) order({ kind: 'open', seat }, [seat.port]);
}

startWorker();

window.bench = {
  make: (prefix, count, everyMs) => order({ kind: 'make', prefix, count, everyMs }),
  made,
  replaceWorker() {
    worker.terminate();
    startWorker();
  },
  get ledger() {
    return delivery?.ledger;
  },
};
