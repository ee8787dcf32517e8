import { defineElements } from '../elements/define.ts';
import type { Model } from '../index.ts';
import { ArchitecturePanel } from './architecture-panel.ts';
import { CalibratePanel } from './calibrate-panel.ts';
import { wireCalibration } from './calibration-panel.ts';
import { recallConsent } from './consent.ts';
import { Controls } from './controls.ts';
import { DriftPanel } from './drift-panel.ts';
import { type PageModel, pageModels, recordedUrl } from './examples.ts';
import { answerNotice, faultNotice, isStop } from './fault.ts';
import { wireOwnModel } from './own-model.ts';
import { part } from './parts.ts';
import type { Reading } from './reading.ts';
import { restore, type StoredReading } from './recorded.ts';
import { ReplayPanel } from './replay-panel.ts';
import type { RunUpdate } from './run.ts';
import { Runner } from './runner.ts';
import { saveReading } from './save.ts';
import { wireSchemeSwitch } from './scheme-switch.ts';
import { Session } from './session.ts';
import { wireTelemetry } from './telemetry-panel.ts';
import { Views } from './views.ts';

defineElements();
wireSchemeSwitch(part('button', 'scheme'));
const fault = part('sonde-notice', 'fault');
const note = part('sonde-notice', 'note');
const save = part('button', 'save');
const views = new Views();
let session: Session | undefined;
let loaded: Model | undefined;
let unwire: () => void = () => undefined;
let saveable: Reading | undefined;
let isOnlyLoading = false;

const controls = new Controls({
  run: (request) => void runner.start(request),
  stop: () => runner.stop(),
  chooseModel,
  chooseOwn: (request) => void runner.replace(request),
});
const fail = (error: unknown): void => {
  fault.notice = faultNotice(error);
};
const architecture = new ArchitecturePanel(fail);
const drift = new DriftPanel({ session: currentSession, fail });
const replay = new ReplayPanel({ session: currentSession, model: () => loaded });
const calibrate = new CalibratePanel({ session: currentSession, fail });
wireCalibration();
wireOwnModel((own) => controls.offerOwn(own));

const runner = new Runner({
  session: currentSession,
  chosenDevice: () => controls.device,
  begin(request) {
    fault.notice = undefined;
    note.notice = undefined;
    setPhase('loading');
    controls.say('Getting the model ready.');
    isOnlyLoading = request.input.kind === 'nothing';
    if (!isOnlyLoading) views.begin(request);
  },
  show,
  fail(error) {
    views.fail();
    setPhase(isStop(error) ? 'stopped' : 'failed');
    const what = isOnlyLoading ? 'The model was not loaded' : 'This run failed';
    controls.say(isStop(error) ? 'Stopped.' : `${what}; see the message above the readings.`);
    if (!isStop(error)) fault.notice = faultNotice(error);
  },
  busy: (busy, yields) => controls.setBusy(busy, yields),
});

/** Asked for in the telemetry panel, for this visit. */
let sendsTexts = false;
part('sonde-telemetry').addEventListener('sonde-texts', ({ detail }) => {
  sendsTexts = detail;
});

/** The session for what was chosen. Making one starts no worker yet. */
async function currentSession(): Promise<Session> {
  const { device } = controls;
  if (session?.device === device && session.sendsTexts === sendsTexts) return session;
  unwire();
  await session?.dispose();
  session = new Session(device, recallConsent(), sendsTexts);
  unwire = wireTelemetry(session.sonde.telemetry);
  return session;
}

function show(update: RunUpdate): void {
  switch (update.kind) {
    case 'loading':
      controls.showProgress(update.progress);
      return;
    case 'loaded':
      controls.showProgress(undefined);
      part('sonde-badge').report = update.model.device;
      architecture.show(update.model, controls.model === undefined);
      loaded = update.model;
      drift.show(update.model);
      calibrate.show(update.model);
      controls.describeOwn(update.model);
      if (isOnlyLoading) views.await(update.model);
      controls.say(`${update.model.id} is loaded.`);
      setPhase('loaded');
      return;
    case 'running':
      architecture.giveWay();
      controls.say('Running.');
      setPhase('running');
      return;
    case 'step':
      views.step(update.steps, update.maps);
      return;
    case 'summarising':
      controls.say('Reading back what was captured.');
      return;
    case 'reading':
      views.show(update.reading);
      saveable = update.reading;
      void drift.refresh();
      replay.offer(update.saved);
      save.disabled = false;
      note.notice = answerNotice(update.reading.provenance);
      controls.say(`${update.stopped ? 'Stopped early' : 'Done'}: ${summary(update.reading)}`);
      setPhase('live');
  }
}

const summary = ({ answer, steps }: Reading): string =>
  answer
    ? `${answer.label}, confidence ${answer.confidence.toFixed(2)}.`
    : steps.length > 0
      ? `${steps.length} tokens written.`
      : 'one forward.';

/** Where the page is, for tests and style sheets. */
function setPhase(
  phase: 'recorded' | 'loading' | 'loaded' | 'running' | 'live' | 'stopped' | 'failed',
): void {
  document.documentElement.dataset.phase = phase;
}

async function showRecorded(model: PageModel): Promise<void> {
  try {
    const answer = await fetch(recordedUrl(model));
    if (!answer.ok) throw new TypeError(`The recorded example is missing (HTTP ${answer.status}).`);
    views.show(restore((await answer.json()) as StoredReading));
    setPhase('recorded');
  } catch (error) {
    fault.notice = faultNotice(error);
  }
}

function chooseModel(model: PageModel): void {
  if (!runner.clear()) return;
  controls.say('');
  void showRecorded(model);
}

/** A visitor who asked for little data decides alone when 30 MB are fetched. */
const savesData = (): boolean =>
  (navigator as { connection?: { readonly saveData?: boolean } }).connection?.saveData === true;

save.addEventListener('click', () => saveable && saveReading(saveable));
addEventListener('unhandledrejection', (event) => {
  fault.notice = faultNotice(event.reason);
});

const [opening] = pageModels;
if (opening !== undefined) await showRecorded(opening);
// Two frames: the recorded example is painted before the worker competes for the machine.
await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
await currentSession();
if (savesData()) controls.say('Press Run to fetch the model, about 30 MB.');
else void runner.start(controls.request, true);
