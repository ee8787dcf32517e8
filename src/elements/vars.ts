import { noChange } from 'lit';
import { Directive, directive, type ElementPart, type PartInfo, PartType } from 'lit/directive.js';

type Vars = Readonly<Record<`--${string}`, string | number>>;

/**
 * Sets custom properties through the CSSOM. A `style` attribute, which Lit's styleMap writes first,
 * is refused by a content security policy without 'unsafe-inline'.
 */
class VarsDirective extends Directive {
  constructor(part: PartInfo) {
    super(part);
    if (part.type !== PartType.ELEMENT)
      throw new TypeError('vars() belongs on an element, not in an attribute');
  }

  render(_vars: Vars): unknown {
    return noChange;
  }

  override update(part: ElementPart, [vars]: [Vars]): unknown {
    if (part.element instanceof HTMLElement || part.element instanceof SVGElement) {
      for (const [name, value] of Object.entries(vars)) part.element.style.setProperty(name, String(value));
    }
    return noChange;
  }
}

export const vars = directive(VarsDirective);
