/** Remembers a yes between visits. A no leaves nothing behind: without consent nothing is stored. */
const key = 'sonde-playground-consent';

export type Remembered = 'kept' | 'storage blocked';

export function recallConsent(): 'pending' | 'granted' {
  try {
    return localStorage.getItem(key) === 'granted' ? 'granted' : 'pending';
  } catch {
    return 'pending';
  }
}

export function rememberConsent(consent: 'granted' | 'denied'): Remembered {
  try {
    if (consent === 'granted') localStorage.setItem(key, consent);
    else localStorage.removeItem(key);
    return 'kept';
  } catch {
    return 'storage blocked';
  }
}
