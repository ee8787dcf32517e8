/** The one element of a kind in index.html, or the element with that id. @throws TypeError when the page lacks it */
export function part<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  id?: string,
): HTMLElementTagNameMap[Tag] {
  const element = document.querySelector<HTMLElementTagNameMap[Tag]>(id === undefined ? tag : `${tag}#${id}`);
  if (element === null)
    throw new TypeError(`index.html has no <${tag}>${id === undefined ? '' : ` with id ${id}`}.`);
  return element;
}
