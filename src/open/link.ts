import { proxy, type Remote, releaseProxy, transfer, wrap } from 'comlink';
import type { DriftListener } from '../protocol/drift.ts';
import type { Answer, HelloOptions, InspectorApi, RecordListener } from '../protocol/inspector.ts';
import { sondeVersion } from '../protocol/version.ts';
import { fromWireError, SondeError } from '../shared/errors.ts';
import { randomHex } from '../shared/id.ts';

/** A living worker. When it is gone, every call on it rejects, and the next one gets a new worker. */
export interface Link {
  /** Unwraps the answer; rejects with the worker's error, or with why the worker is gone. */
  ask<T>(question: (api: Remote<InspectorApi>) => Promise<Answer<T>>): Promise<T>;
  /** For what needs no answer. */
  tell(what: (api: Remote<InspectorApi>) => unknown): void;
  readonly gone: Promise<SondeError>;
  isGone(): boolean;
  end(reason: SondeError): void;
}

export interface LinkOptions {
  readonly spawn: () => Worker;
  readonly hello: Omit<HelloOptions, 'version' | 'lifeLock'>;
  readonly telemetryPort?: MessagePort;
  readonly onRecord: RecordListener;
  readonly onDrift: DriftListener;
}

const workerFailed = (why: string): SondeError =>
  new SondeError(
    'worker_failed',
    `The worker that runs the model ended: ${why}.`,
    'Run it again: a new worker loads the model anew.',
  );

/** Starts a worker and greets it. @throws SondeError `worker_failed` | `version_mismatch` | `second_runtime` */
export async function openLink(options: LinkOptions): Promise<Link> {
  const worker = options.spawn();
  const api = wrap<InspectorApi>(worker);
  const lifeLock = `sonde-worker-${randomHex(8)}`;
  let ended: SondeError | undefined;
  let announce: (reason: SondeError) => void = () => undefined;
  const gone = new Promise<SondeError>((resolve) => {
    announce = resolve;
  });
  const end = (reason: SondeError): void => {
    if (ended !== undefined) return;
    ended = reason;
    worker.terminate();
    api[releaseProxy]();
    announce(reason);
  };
  worker.addEventListener('error', (event) => {
    end(workerFailed(event.message || 'its script could not be loaded'));
  });

  const link: Link = {
    async ask(question) {
      if (ended !== undefined) throw ended;
      const answer = await Promise.race([question(api), gone]);
      if (answer instanceof SondeError) throw answer;
      if (!answer.ok) throw fromWireError(answer.error);
      return answer.value;
    },
    tell(what) {
      if (ended === undefined) what(api);
    },
    gone,
    isGone: () => ended !== undefined,
    end,
  };
  const { telemetryPort } = options;
  const port = telemetryPort === undefined ? undefined : transfer(telemetryPort, [telemetryPort]);
  try {
    const { version } = await link.ask((remote) =>
      remote.hello(
        { ...options.hello, version: sondeVersion, lifeLock },
        port,
        proxy(options.onRecord),
        proxy(options.onDrift),
      ),
    );
    if (version !== sondeVersion) {
      throw new SondeError(
        'version_mismatch',
        `The worker is Sonde ${version}, the page ${sondeVersion}.`,
        'Reload the page; deploy page and worker together.',
      );
    }
  } catch (error) {
    end(error instanceof SondeError ? error : workerFailed('it did not answer'));
    throw error;
  }
  // A worker killed for memory fires no event, but the browser lets go of its lock.
  void navigator.locks?.request(lifeLock, () => end(workerFailed('the browser stopped it')));
  return link;
}
