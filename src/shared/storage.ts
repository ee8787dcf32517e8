/** Every place of the origin's storage that Sonde writes to; `sonde.privacy` shows and deletes them by these names. */
export const databases = {
  journal: 'sonde-journal',
  inputKeys: 'sonde-input-keys',
  calibrations: 'sonde-calibrations',
} as const;

export const modelCache = 'sonde-models-1';
