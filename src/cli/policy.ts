import { type OperatorPolicy, readPolicy } from '../collect/policy.ts';
import { SondeError } from '../shared/errors.ts';

export interface FollowedPolicy {
  readonly current: () => OperatorPolicy;
  readonly stop: () => void;
}

/** pino's levels, so that these lines stand among the collector's own. */
const say = (level: 30 | 50, fields: Readonly<Record<string, unknown>>): void =>
  void process.stderr.write(`${JSON.stringify({ level, time: Date.now(), ...fields })}\n`);

/**
 * The policy of a file, read now and again on SIGHUP; what cannot be read then changes nothing. Without a file
 * the signal keeps its meaning: the terminal is gone, so end.
 * @throws SondeError `invalid_argument` when it cannot be read now
 */
export async function followPolicy(file: string | undefined): Promise<FollowedPolicy> {
  if (file === undefined) return { current: () => ({}), stop: () => undefined };
  let policy = await readPolicy(file);
  async function readAgain(path: string): Promise<void> {
    try {
      policy = await readPolicy(path);
      say(30, { policy, msg: 'policy read' });
    } catch (error) {
      if (!(error instanceof SondeError)) throw error;
      say(50, { error: error.message, msg: 'the policy stays as it was' });
    }
  }
  const onHangup = () => void readAgain(file);
  process.on('SIGHUP', onHangup);
  return { current: () => policy, stop: () => void process.off('SIGHUP', onHangup) };
}
