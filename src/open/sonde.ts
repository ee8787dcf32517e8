import type { DriftEvent } from '../protocol/drift.ts';
import { SondeError } from '../shared/errors.ts';
import type { LoadOptions, Model, Sonde, SondeOptions } from './api.ts';
import { type Link, openLink } from './link.ts';
import { createListeners } from './listeners.ts';
import { type Host, openModel } from './model.ts';
import type { PickedModel } from './picked.ts';
import { openTelemetry } from './telemetry.ts';

// The .js name is what stands beside the built file; bundlers resolve it to the source in this repository.
const spawnInspector = (): Worker =>
  new Worker(new URL('../../workers/inspector.js', import.meta.url), { type: 'module', name: 'sonde' });

/**
 * One worker, one device, one telemetry pipe; the worker starts with the first `load`.
 * Safe to import and to call where there is no `window`: nothing happens before `load`.
 */
export function createSonde(options: SondeOptions = {}): Sonde {
  const { device = 'auto', service, wasmPaths, worker: spawn = spawnInspector } = options;
  const pipe = options.telemetry === undefined ? undefined : openTelemetry(options.telemetry, service);
  const { announce, subscribe } = createListeners<DriftEvent>();
  const sent = new Map<string, { records: number; size: number }>();
  pipe?.subscribe((event) => {
    if (event.kind !== 'sent') return;
    const { records = 0, size = 0 } = sent.get(event.session) ?? {};
    const made = event.signal === 'logs' ? event.records : 0;
    sent.set(event.session, { records: records + made, size: size + event.size });
  });
  let calls = 0;
  let disposed = false;
  let opening: Promise<Link> | undefined;

  const open = (): Promise<Link> => {
    const seat = pipe?.connect();
    return openLink({
      spawn,
      hello: {
        device,
        ...(wasmPaths === undefined ? {} : { wasmPaths }),
        ...(seat === undefined ? {} : { telemetry: seat.hello }),
      },
      ...(seat === undefined ? {} : { telemetryPort: seat.port }),
      onRecord: (raw, masked) => pipe?.onRecord(raw, masked),
      onDrift: announce,
    });
  };

  const host: Host = {
    device,
    async link() {
      if (disposed) throw new SondeError('disposed', 'This Sonde was disposed.', 'Call createSonde() again.');
      const known = await opening?.catch(() => undefined);
      if (known === undefined || known.isGone()) opening = open();
      return opening as Promise<Link>;
    },
    nextCall: () => ++calls,
  };

  return {
    load: (model, loadOptions = {}) => openModel(host, model, loadOptions),
    subscribe,
    async outcome(requestId, reported) {
      if (pipe === undefined)
        throw new SondeError(
          'invalid_argument',
          'Without telemetry nobody can be told of an outcome.',
          'Give createSonde() the option `telemetry`.',
        );
      const link = await host.link();
      await link.ask((api) => api.outcome(requestId, reported));
    },
    // Loaded when it is asked for: most visits never do.
    privacy: {
      stored: async () => (await import('./privacy.ts')).listStored(),
      sent: async () => (await import('./privacy.ts')).sentSessions(sent),
      async deleteEverything() {
        const { deleteStored, sentSessions } = await import('./privacy.ts');
        await pipe?.setConsent('denied');
        const link = await opening?.catch(() => undefined);
        if (link?.isGone() === false) await link.ask((api) => api.forgetCalibrations());
        await deleteStored();
        return sentSessions(sent);
      },
    },
    ...(pipe === undefined ? {} : { telemetry: pipe }),
    async dispose() {
      if (disposed) return;
      disposed = true;
      pipe?.close();
      const link = await opening?.catch(() => undefined);
      link?.end(new SondeError('disposed', 'This Sonde was disposed.', 'Call createSonde() again.'));
    },
  };
}

/** `createSonde` and `load` in one step: `openSonde({ model, ...options })`. */
export async function openSonde(
  options: SondeOptions & LoadOptions & { readonly model: string | PickedModel },
): Promise<{ readonly sonde: Sonde; readonly model: Model }> {
  const sonde = createSonde(options);
  try {
    return { sonde, model: await sonde.load(options.model, options) };
  } catch (error) {
    await sonde.dispose();
    throw error;
  }
}
