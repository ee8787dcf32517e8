import type { OwnSource } from './choice.ts';
import { droppedModel, pickedModel } from './dropped.ts';
import { part } from './parts.ts';

/** Every way to hand over a model: a drop anywhere on the page, two file dialogs, a hub id or an address. */
export function wireOwnModel(take: (own: OwnSource) => void): void {
  const offer = (own: OwnSource | undefined): void => {
    if (own !== undefined) take(own);
  };
  wireDialog(part('button', 'pick-folder'), part('input', 'folder-files'), offer);
  wireDialog(part('button', 'pick-files'), part('input', 'single-files'), offer);
  const hub = part('input', 'hub');
  const fetchNamed = (): void => {
    const name = hub.value.trim();
    if (name !== '') take({ name, source: name });
    else hub.focus();
  };
  part('button', 'fetch').addEventListener('click', fetchNamed);
  hub.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter') return;
    // It stands in the form that runs a model, and must not run one.
    event.preventDefault();
    fetchNamed();
  });
  wireDrop(offer);
}

function wireDialog(
  button: HTMLButtonElement,
  input: HTMLInputElement,
  offer: (own: OwnSource | undefined) => void,
): void {
  button.addEventListener('click', () => input.click());
  input.addEventListener('change', () => {
    if (input.files !== null) offer(pickedModel(input.files));
    // The same folder may be chosen again, after a change to it.
    input.value = '';
  });
}

function wireDrop(offer: (own: OwnSource | undefined) => void): void {
  const hint = part('div', 'drop-hint');
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') ?? false;
  addEventListener('dragover', (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    hint.hidden = false;
  });
  addEventListener('dragleave', (event) => {
    if (event.relatedTarget === null) hint.hidden = true;
  });
  addEventListener('drop', (event) => {
    hint.hidden = true;
    if (!holdsFiles(event) || event.dataTransfer === null) return;
    event.preventDefault();
    void droppedModel(event.dataTransfer).then(offer);
  });
}
