/** Lets the page answer clicks and paint between two pieces of work. */
export const breathe = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve));
