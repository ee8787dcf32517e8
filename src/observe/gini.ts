/**
 * Gini impurity 1 - sum p^2: the chance that two draws differ (Breiman et al. 1984).
 * @param probabilities [n], sums to 1
 * @returns in [0, 1 - 1/n]
 */
export function giniImpurity(probabilities: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < probabilities.length; i++) sum += (probabilities[i] as number) ** 2;
  return 1 - sum;
}
