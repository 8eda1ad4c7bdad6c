/** A part of the panel that can be folded, and is drawn again only when what it shows has changed. */

import { h } from '../view/elements';

export class Section {
  readonly node: HTMLDetailsElement;
  readonly body: HTMLElement;

  constructor(title: string, name: string, open = true) {
    this.badge = h('span', { class: 'mn-badge' });
    this.body = h('div', { class: 'mn-section-body' });
    this.node = h(
      'details',
      { class: `mn-section mn-section-${name}`, open },
      h('summary', {}, h('span', {}, title), this.badge),
      this.body
    );
  }

  /** Draw when `key` is not what was drawn last. */
  show(key: unknown, draw: (body: HTMLElement) => void): void {
    const now = JSON.stringify(key);
    if (now !== this.key) {
      this.key = now;
      draw(this.body);
    }
  }

  set hidden(value: boolean) {
    this.node.hidden = value;
  }

  set count(value: string) {
    this.badge.textContent = value;
  }

  private readonly badge: HTMLElement;
  private key: string | null = null;
}
