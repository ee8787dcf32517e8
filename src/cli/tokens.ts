import { mkdir } from 'node:fs/promises';
import { addToken, readTokens, removeToken, roles } from '../collect/tokens.ts';
import { SondeError } from '../shared/errors.ts';
import { oneOf, wordOf } from './arguments.ts';

interface TokenArguments {
  readonly data: string;
  readonly name?: string | undefined;
  readonly role: string;
}

/** `sonde collect token add | list | remove`: a running collector goes by the file at once. */
export async function manageTokens(
  [subject, action, ...more]: readonly string[],
  { data, name, role }: TokenArguments,
): Promise<number> {
  if (subject === 'token' && more.length === 0)
    switch (action) {
      case 'add': {
        const [who, what] = [wordOf('name', name), oneOf('role', role, roles)];
        await mkdir(data, { recursive: true });
        process.stdout.write(`${await addToken(data, who, what)}\n`);
        return 0;
      }
      case 'list':
        for (const token of await readTokens(data)) process.stdout.write(`${token.name} ${token.role}\n`);
        return 0;
      case 'remove':
        await removeToken(data, wordOf('name', name));
        return 0;
    }
  throw new SondeError(
    'invalid_argument',
    `collect does not know ${[subject, action, ...more].join(' ')}.`,
    'Say token add, token list or token remove.',
  );
}
