import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const root = new URL('../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');
const found = (pattern: RegExp): string[] => [...readme.matchAll(pattern)].map(([, name = '']) => name);

it('every file that the README links to or shows is there', () => {
  const links = found(/(?:\]\(|src="|srcset=")([^)"]+)/g).filter((link) => !link.startsWith('https:'));
  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((link) => !existsSync(new URL(link, root)))).toEqual([]);
});

it('every script that the README names exists', () => {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const named = found(/npm (?:run )?((?<=run )[\w:]+|start|test)/g);
  expect(named).toContain('test:servers');
  expect(named.filter((name) => !(name in scripts))).toEqual([]);
});
