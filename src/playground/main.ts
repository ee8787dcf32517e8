import { defineElements } from '../elements/define.ts';
import { recallConsent } from './consent.ts';
import { Controls } from './controls.ts';
import { type PageModel, recordedUrl } from './examples.ts';
import { faultNotice, isStop } from './fault.ts';
import { part } from './parts.ts';
import { restore, type StoredReading } from './recorded.ts';
import { type RunRequest, type RunUpdate, run } from './run.ts';
import { wireSchemeSwitch } from './scheme-switch.ts';
import { Session } from './session.ts';
import { wireTelemetry } from './telemetry-panel.ts';
import { Views } from './views.ts';

defineElements();
wireSchemeSwitch(part('button', 'scheme'));
const views = new Views();
const controls = new Controls({
  run: (request) => void start(request),
  stop: () => running?.abort(),
  chooseModel,
});
const fault = part('sonde-notice', 'fault');
const note = part('sonde-notice', 'note');
const badge = part('sonde-badge');
let session: Session | undefined;
let unwire: () => void = () => undefined;
let running: AbortController | undefined;

/** The session for the chosen device; made late, so that the recorded example never waits for it. */
async function currentSession(): Promise<Session> {
  const { device } = controls;
  if (session?.device === device) return session;
  unwire();
  await session?.dispose();
  session = new Session(device, recallConsent());
  unwire = wireTelemetry(session.sonde.telemetry);
  return session;
}

async function start(request: RunRequest): Promise<void> {
  if (running) return;
  const stop = new AbortController();
  running = stop;
  fault.notice = undefined;
  note.notice = undefined;
  controls.setBusy(true);
  setPhase('loading');
  controls.say('Getting the model ready.');
  views.begin(request.text, controls.model.task === 'text-generation');
  try {
    await run(await currentSession(), request, stop.signal, show);
  } catch (error) {
    views.fail();
    setPhase(isStop(error) ? 'stopped' : 'failed');
    controls.say(isStop(error) ? 'Stopped.' : 'This run failed; see the message above the readings.');
    if (!isStop(error)) fault.notice = faultNotice(error);
  } finally {
    running = undefined;
    controls.setBusy(false);
  }
}

function show(update: RunUpdate): void {
  switch (update.kind) {
    case 'loading':
      controls.showProgress(update.progress);
      return;
    case 'running':
      controls.showProgress(undefined);
      badge.report = update.model.device;
      controls.say('Running.');
      setPhase('running');
      return;
    case 'step':
      views.step(update.steps);
      return;
    case 'summarising':
      controls.say('Reading the model’s insides back.');
      return;
    case 'reading': {
      const { reading, stopped } = update;
      views.show(reading);
      if (reading.provenance.truncated) note.notice = truncation;
      controls.say(`${stopped ? 'Stopped early' : 'Done'}: ${answerText(reading)}`);
      setPhase('live');
    }
  }
}

const truncation = {
  tone: 'note',
  title: 'The text was longer than the model can read.',
  text: 'Only the part that fits was used; the tokens below show which.',
} as const;

function answerText({ answer, steps }: Extract<RunUpdate, { kind: 'reading' }>['reading']): string {
  if (answer) return `${answer.label}, confidence ${answer.confidence.toFixed(2)}.`;
  return `${steps.length} tokens written.`;
}

/** Where the page is, for tests and style sheets. */
function setPhase(phase: 'recorded' | 'loading' | 'running' | 'live' | 'stopped' | 'failed'): void {
  document.documentElement.dataset.phase = phase;
}

async function showRecorded(model: PageModel): Promise<void> {
  const answer = await fetch(recordedUrl(model));
  if (!answer.ok) throw new TypeError(`The recorded example is missing (HTTP ${answer.status}).`);
  views.show(restore((await answer.json()) as StoredReading));
  setPhase('recorded');
}

function chooseModel(model: PageModel): void {
  if (running) return;
  void showRecorded(model).catch((error: unknown) => {
    fault.notice = faultNotice(error);
  });
}

/** A visitor who asked for little data decides alone when 30 MB are fetched. */
const savesData = (): boolean =>
  (navigator as { connection?: { readonly saveData?: boolean } }).connection?.saveData === true;

addEventListener('unhandledrejection', (event) => {
  fault.notice = faultNotice(event.reason);
});

try {
  await showRecorded(controls.model);
} catch (error) {
  fault.notice = faultNotice(error);
}
// Two frames: the recorded example is painted before the worker competes for the machine.
await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
if (savesData()) controls.say('Press Run to fetch the model, about 30 MB.');
else void start(controls.request);
