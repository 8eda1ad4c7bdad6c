/** Make elements. Text is always text, never markup, so that nothing of a notebook can become a script. */

type Child = Node | string | null | undefined | false;
type Listener = (event: never) => unknown;
type Props = Record<string, string | number | boolean | null | undefined | Listener>;

const SVG = 'http://www.w3.org/2000/svg';

/** Make an HTML element; a property that is a function listens to the event of its name, the others are attributes. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return fill(document.createElement(tag), props, children);
}

/** Make an SVG element. */
export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): SVGElementTagNameMap[K] {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill<E extends Element>(element: E, props: Props, children: Child[]): E {
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === 'function') {
      element.addEventListener(name, value as EventListener);
    } else if (value === true) {
      element.setAttribute(name, '');
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, String(value));
    }
  }
  for (const child of children) {
    if (child) {
      element.append(child);
    }
  }
  return element;
}

/** Replace what an element holds, and keep the keyboard's focus on the element with the same `data-key`. */
export function refill(element: Element, ...children: Child[]): void {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  const key = focused?.getAttribute('data-key');
  element.replaceChildren(...children.filter((child): child is Node | string => Boolean(child)));
  if (key) {
    (element.querySelector(`[data-key="${CSS.escape(key)}"]`) as HTMLElement | SVGElement | null)?.focus();
  }
}

/** Two wide or less: a button with a name that is read aloud and shown. */
export function button(label: string, act: (event: MouseEvent) => unknown, props: Props = {}): HTMLButtonElement {
  const { class: extra, ...others } = props;
  return h('button', { type: 'button', class: `mn-button ${extra ?? ''}`.trim(), click: act as Listener, ...others }, label);
}
