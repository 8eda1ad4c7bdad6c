/**
 * The margin of a notebook: a bar along the cells of each step, and a chip that says which step it is and how it stands.
 *
 * It only adds elements beside the cells. A cell is touched again when what it shows has changed, and never while the
 * person types in it and nothing else changes.
 */

import type { Cell } from '@jupyterlab/cells';
import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Pipeline } from '../model/pipeline';
import type { IPlace } from '../tags/grammar';
import { h } from '../view/elements';
import { stateIcon } from '../view/icons';
import { stateLine, stateSentence } from '../view/words';

interface IMark {
  node: HTMLElement;
  shown: string;
}

export class Gutter {
  constructor(
    private readonly panel: NotebookPanel,
    private readonly pipeline: Pipeline,
    private readonly trans: TranslationBundle,
    private readonly openMenu: (cell: number, at: DOMRect) => void
  ) {
    pipeline.changed.connect(this.ask, this);
    panel.content.modelContentChanged.connect(this.ask, this);
    panel.disposed.connect(() => this.dispose());
    this.ask();
  }

  dispose(): void {
    this.pipeline.changed.disconnect(this.ask, this);
    window.clearInterval(this.clock);
    cancelAnimationFrame(this.frame);
  }

  /** Paint before the next frame, once however often it is asked for. */
  private ask(): void {
    if (!this.frame) {
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        if (!this.panel.isDisposed) {
          this.paint();
        }
      });
    }
  }

  private paint(): void {
    const { places, showChips } = this.pipeline;
    const tagged = showChips && places.some(place => place.step !== null && place.role !== 'continues');
    this.panel.content.node.classList.toggle('mn-notebook', tagged);
    const running = this.pipeline.follower.active;
    const now = Date.now();
    this.panel.content.widgets.forEach((cell, index) => {
      const place = places[index];
      if (tagged && place && place.id === cell.model.id && place.role !== null) {
        this.mark(cell, place, this.ends(index), now);
      } else {
        this.unmark(cell);
      }
    });
    this.tick(running);
  }

  /** While something runs, its seconds are counted here; the server is not asked for them. */
  private tick(running: boolean): void {
    if (running && !this.clock) {
      this.clock = window.setInterval(() => !document.hidden && this.ask(), 1000);
    } else if (!running && this.clock) {
      window.clearInterval(this.clock);
      this.clock = 0;
    }
  }

  /** Whether the next code cell is in another step. Text between the cells of a step does not part them. */
  private ends(index: number): boolean {
    const { places } = this.pipeline;
    const next = places.slice(index + 1).find(place => place.role !== null);
    return next?.step !== places[index].step;
  }

  private mark(cell: Cell, place: IPlace, last: boolean, now: number): void {
    const shown = place.step === null ? this.leftOut(place) : this.inStep(place, last, now);
    let mark = this.marks.get(cell);
    if (!mark) {
      mark = { node: h('div', { class: 'mn-margin' }), shown: '' };
      this.marks.set(cell, mark);
    }
    if (mark.node.parentNode !== cell.node) {
      cell.node.append(mark.node);
    }
    const key = JSON.stringify([shown.key, place.index]);
    // While it is pressed it stays, or the click would be lost.
    if (mark.shown !== key && !mark.node.matches(':active')) {
      mark.shown = key;
      const had = mark.node.contains(document.activeElement);
      mark.node.className = `mn-margin ${shown.classes}`;
      mark.node.replaceChildren(...shown.make());
      if (had) {
        mark.node.querySelector('button')?.focus();
      }
    }
  }

  private unmark(cell: Cell): void {
    this.marks.get(cell)?.node.remove();
    this.marks.delete(cell);
  }

  private leftOut(place: IPlace): { key: unknown; classes: string; make: () => Node[] } {
    const words = {
      skip: this.trans.__('Not part of the pipeline: exploration.'),
      test: this.trans.__('A check; not part of a run.')
    };
    const title = place.role === 'test' ? words.test : words.skip;
    return {
      key: [place.role],
      classes: 'mn-left-out',
      make: () => [this.chip(place, title, h('span', { class: 'mn-chip-name' }, place.role))]
    };
  }

  private inStep(place: IPlace, last: boolean, now: number): { key: unknown; classes: string; make: () => Node[] } {
    const step = place.step!;
    const view = this.pipeline.view(step);
    const line = stateLine(this.trans, view, now);
    const edited = this.edited(place);
    const hidden = this.pipeline.kernel?.cells.find(cell => cell.id === place.id)?.variables ?? [];
    const role = place.role === 'step' || place.role === 'continues' ? '' : place.role!;
    const classes = [
      `mn-colour-${this.pipeline.colour(step)}`,
      `mn-state-${view.state}`,
      place.first ? 'mn-first' : 'mn-continues',
      last ? 'mn-last' : '',
      view.old ? 'mn-old' : ''
    ].join(' ');
    const title = [
      place.first ? '' : this.trans.__('Continues %1.', step),
      stateSentence(this.trans, view),
      edited ? this.trans.__('This cell is not what ran last.') : '',
      hidden.length ? this.trans.__('The kernel holds other values than the pipeline computed: %1.', hidden.join(', ')) : ''
    ]
      .filter(Boolean)
      .join(' ');
    return {
      key: [step, classes, line, title, role],
      classes,
      make: () => [
        h('span', { class: 'mn-bar' }),
        this.chip(
          place,
          title,
          h('span', { class: 'mn-chip-name' }, step),
          place.first && line
            ? h('span', { class: 'mn-chip-state' }, stateIcon(view.state), h('span', {}, line))
            : null,
          role || edited || hidden.length
            ? h(
                'span',
                { class: 'mn-chip-notes' },
                role ? h('span', { class: 'mn-note' }, role === 'pipeline-metrics' ? this.trans.__('metrics') : role) : null,
                edited ? h('span', { class: 'mn-note mn-edited' }, this.trans.__('edited')) : null,
                hidden.length ? h('span', { class: 'mn-note mn-hidden' }, this.trans.__('kernel differs')) : null
              )
            : null
        )
      ]
    };
  }

  private edited(place: IPlace): boolean {
    const cell = this.pipeline.plan?.cells[place.index];
    return cell?.id === place.id && cell.changed === true;
  }

  private chip(place: IPlace, title: string, ...children: (Node | null)[]): HTMLElement {
    return h(
      'button',
      {
        type: 'button',
        class: 'mn-chip',
        title,
        'aria-label': title,
        'aria-haspopup': 'menu',
        'data-step': place.step ?? '',
        'data-cell': place.index,
        // The cell must not take the click as a wish to edit it.
        mousedown: (event: MouseEvent) => event.stopPropagation(),
        click: (event: MouseEvent) => {
          event.stopPropagation();
          this.openMenu(place.index, (event.currentTarget as HTMLElement).getBoundingClientRect());
        }
      },
      ...children
    );
  }

  private readonly marks = new WeakMap<Cell, IMark>();
  private frame = 0;
  private clock = 0;
}
