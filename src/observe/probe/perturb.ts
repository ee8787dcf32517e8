type Perturbation = (words: readonly string[], random: () => number) => readonly string[];

const pick = (words: readonly string[], random: () => number): number => Math.floor(random() * words.length);

const change = (words: readonly string[], at: number, to: (word: string) => string): readonly string[] =>
  words.map((word, i) => (i === at ? to(word) : word));

/** Changes that leave a reader's answer as it is: typing slips, case, punctuation, spacing. */
const perturbations: readonly Perturbation[] = [
  // Two neighbouring letters inside of a word change places.
  (words, random) => {
    const long = words.flatMap((word, i) => (word.length > 3 ? [i] : []));
    const at = long[Math.floor(random() * long.length)] ?? -1;
    const place = 1 + Math.floor(random() * Math.max(0, (words[at]?.length ?? 0) - 3));
    return change(words, at, (word) =>
      [word.slice(0, place), word[place + 1], word[place], word.slice(place + 2)].join(''),
    );
  },
  (words) => words.map((word) => word.toLowerCase()),
  (words) => change(words, 0, (word) => word.charAt(0).toUpperCase() + word.slice(1)),
  (words) => change(words, words.length - 1, (word) => word.replace(/[.!?]+$/, '')),
  (words) => change(words, words.length - 1, (word) => (/[.!?]$/.test(word) ? word : `${word}.`)),
  (words, random) => change(words, pick(words, random), (word) => `${word} `),
  (words, random) => change(words, pick(words, random), (word) => word.toUpperCase()),
];

/**
 * The same question in other dress, to see whether a black box answers the same.
 * @param random in [0, 1)
 * @returns at most n texts that differ from the question and from each other; fewer where it is too short for more
 */
export function perturb(question: string, n: number, random: () => number): readonly string[] {
  const words = question.trim().split(/\s+/);
  const found = new Set<string>();
  for (let attempt = 0; found.size < n && attempt < n * 20; attempt++) {
    const perturbation = perturbations[attempt % perturbations.length] as Perturbation;
    const text = perturbation(words, random).join(' ');
    if (text !== question) found.add(text);
  }
  return [...found];
}
