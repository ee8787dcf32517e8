/** The light/dark button: it starts from the system's wish and overrules it for this visit. */
export function wireSchemeSwitch(button: HTMLButtonElement): void {
  const system = matchMedia('(prefers-color-scheme: dark)');
  const isDark = (): boolean => {
    const forced = document.documentElement.dataset.scheme;
    return forced === undefined ? system.matches : forced === 'dark';
  };
  const show = (): void => button.setAttribute('aria-pressed', String(isDark()));
  button.addEventListener('click', () => {
    document.documentElement.dataset.scheme = isDark() ? 'light' : 'dark';
    show();
  });
  system.addEventListener('change', show);
  show();
}
