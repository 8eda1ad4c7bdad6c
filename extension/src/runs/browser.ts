/** Runs and models in the main area: one widget, in which a person goes from the list to a run, a comparison, a model. */

import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import { Widget } from '@lumino/widgets';

import { ApiError, type Api } from '../api';
import { WIDGET } from '../tokens';
import { button, h, refill } from '../view/elements';
import { runsIcon } from '../view/icons';
import { comparison } from './comparison';
import { runDetail } from './detail';
import { executedStep, reportPage } from './executed';
import { RunList } from './list';
import { modelDetail, modelList } from './models';

/** Where the browser is. */
export type Place =
  | { at: 'runs' }
  | { at: 'run'; run: string }
  | { at: 'step'; run: string; step: string }
  | { at: 'report'; run: string }
  | { at: 'compare'; runs: string[] }
  | { at: 'models' }
  | { at: 'model'; model: string };

/** What the views of the browser stand on. */
export interface IView {
  readonly api: Api;
  readonly trans: TranslationBundle;
  readonly commands: CommandRegistry;
  readonly rendermime: IRenderMimeRegistry | null;
  /** A notebook or folder of the project whose runs are shown. */
  readonly path: string;
  go(place: Place): void;
  /** Make a URL of bytes that lives as long as the page that shows it. */
  url(content: Blob): string;
  /** Do something when the page that is shown is left. */
  leaving(act: () => void): void;
}

export class RunBrowser extends Widget implements IView {
  constructor(
    readonly api: Api,
    readonly trans: TranslationBundle,
    readonly commands: CommandRegistry,
    readonly rendermime: IRenderMimeRegistry | null,
    private _path: string
  ) {
    super();
    this.id = WIDGET.runs;
    this.addClass('mn-browser');
    this.title.label = trans.__('Runs');
    this.title.icon = runsIcon;
    this.title.closable = true;
    this.list = new RunList(this);
    this.node.append(this.tabs, this.page);
    this.go({ at: 'runs' });
  }

  get path(): string {
    return this._path;
  }

  /** Show the runs of another project. */
  set path(path: string) {
    if (path !== this._path) {
      this._path = path;
      this.list = new RunList(this);
    }
  }

  go(place: Place): void {
    const turn = ++this.turn;
    const same = JSON.stringify(place) === this.here;
    this.here = JSON.stringify(place);
    this.left.splice(0).forEach(act => act());
    this.drawTabs(place);
    this.page.toggleAttribute('aria-busy', !same);
    void this.view(place)
      .catch((error: unknown) => {
        const hint = error instanceof ApiError ? error.hint : '';
        return h('p', { class: 'mn-error', role: 'alert' }, (error as Error).message, h('span', { class: 'mn-faint' }, ` ${hint}`));
      })
      .then(node => {
        if (turn === this.turn) {
          refill(this.page, node);
          if (!same) {
            this.page.scrollTop = 0;
          }
          this.page.removeAttribute('aria-busy');
        }
      });
  }

  url(content: Blob): string {
    const url = URL.createObjectURL(content);
    this.leaving(() => URL.revokeObjectURL(url));
    return url;
  }

  leaving(act: () => void): void {
    this.left.push(act);
  }

  override dispose(): void {
    this.turn += 1;
    this.left.splice(0).forEach(act => act());
    super.dispose();
  }

  private view(place: Place): Promise<Node> {
    switch (place.at) {
      case 'runs':
        return this.list.open();
      case 'run':
        return runDetail(this, place.run);
      case 'step':
        return executedStep(this, place.run, place.step);
      case 'report':
        return reportPage(this, place.run);
      case 'compare':
        return comparison(this, place.runs);
      case 'models':
        return modelList(this);
      case 'model':
        return modelDetail(this, place.model);
    }
  }

  private drawTabs(place: Place): void {
    const models = place.at === 'models' || place.at === 'model';
    const tab = (label: string, target: Place, on: boolean): HTMLElement =>
      button(label, () => this.go(target), { class: 'mn-tab', 'aria-current': on ? 'page' : 'false', 'data-key': target.at });
    const crumbs: [string, Place][] = [];
    if (place.at === 'step' || place.at === 'report') {
      crumbs.push([place.run, { at: 'run', run: place.run }]);
    }
    const here = {
      runs: '',
      run: 'run' in place ? place.run : '',
      step: 'step' in place ? place.step : '',
      report: this.trans.__('report'),
      compare: this.trans.__('comparison'),
      models: '',
      model: 'model' in place ? place.model : ''
    }[place.at];
    refill(
      this.tabs,
      tab(this.trans.__('Runs'), { at: 'runs' }, !models),
      tab(this.trans.__('Models'), { at: 'models' }, models),
      ...crumbs.flatMap(([label, target]) => [
        h('span', { class: 'mn-faint' }, '›'),
        button(label, () => this.go(target), { class: 'mn-link' })
      ]),
      here ? h('span', { class: 'mn-faint' }, '›') : null,
      here ? h('span', {}, here) : null
    );
  }

  private list: RunList;
  private readonly tabs = h('nav', { class: 'mn-tabs' });
  private readonly page = h('div', { class: 'mn-page', tabindex: -1 });
  private readonly left: (() => void)[] = [];
  private turn = 0;
  private here = '';
}
