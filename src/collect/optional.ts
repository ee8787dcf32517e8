import { SondeError } from '../shared/errors.ts';

/**
 * A package that is installed by whoever wants what it is for.
 * @param use what needs it, as a sentence begins: `Tables need`
 * @throws SondeError `file_not_found` when it is not installed
 */
export async function optional<T>(
  use: string,
  name: string,
  version: string,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new SondeError(
      'file_not_found',
      `${use} the package ${name}, which is not installed.`,
      `Run npm install ${name}@${version} beside sonde.`,
      { cause },
    );
  }
}
