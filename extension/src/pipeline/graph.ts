/** The pipeline as a graph: boxes to jump from, edges that say what travels on them. */

import type { TranslationBundle } from '@jupyterlab/translation';

import type { Plan, PlanEdge } from '../contract';
import { bytes } from '../model/format';
import { BOX, reduced, remembered, type ILayout, type ILine, type INode } from '../model/layout';
import type { Pipeline } from '../model/pipeline';
import { h, refill, svg } from '../view/elements';
import { stateIcon } from '../view/icons';
import { stateLine, stateSentence } from '../view/words';

const LETTERS = 15;

export class Graph {
  readonly node: HTMLElement;

  constructor(
    private readonly trans: TranslationBundle,
    private readonly jump: (step: string) => void
  ) {
    this.card = h('div', { class: 'mn-card', role: 'status', hidden: true });
    this.canvas = h('div', { class: 'mn-graph-scroll' });
    this.legend = h('p', { class: 'mn-faint mn-legend' });
    this.node = h('div', { class: 'mn-graph' }, this.canvas, this.card, this.legend);
  }

  /** Paint a pipeline: boxes and lines anew only when the steps or edges changed, states each time. */
  paint(pipeline: Pipeline): void {
    const plan = pipeline.plan;
    const steps = pipeline.stepNames;
    const drawn = plan ? reduced(plan.edges) : [];
    const places = this.layout(steps, drawn);
    const key = JSON.stringify([steps, plan?.edges]);
    if (key !== this.key) {
      this.key = key;
      this.draw(places, drawn, plan);
    }
    const now = Date.now();
    for (const step of steps) {
      const box = this.boxes.get(step);
      if (!box) {
        continue;
      }
      const view = pipeline.view(step);
      const line = stateLine(this.trans, view, now);
      const sentence = stateSentence(this.trans, view);
      const progress = view.state === 'running' && view.of ? view.done / view.of : 0;
      const shown = JSON.stringify([view.state, line, sentence, view.old, pipeline.colour(step), progress]);
      if (box.shown !== shown) {
        box.shown = shown;
        box.group.setAttribute(
          'class',
          `mn-node mn-colour-${pipeline.colour(step)} mn-state-${view.state}${view.old ? ' mn-old' : ''}`
        );
        box.group.setAttribute('aria-label', sentence);
        box.title.textContent = sentence;
        box.line.textContent = line;
        box.sign.replaceChildren(stateIcon(view.state));
        box.progress.setAttribute('width', String(Math.round((BOX.width - 4) * progress)));
      }
    }
  }

  private draw(places: ILayout, drawn: readonly PlanEdge[], plan: Plan | null): void {
    this.boxes.clear();
    this.hide();
    if (!places.nodes.length) {
      refill(this.canvas);
      this.legend.textContent = '';
      return;
    }
    const by = new Map(drawn.map(edge => [`${edge.from}\n${edge.to}`, edge]));
    refill(
      this.canvas,
      svg(
        'svg',
        {
          width: places.width,
          height: places.height,
          viewBox: `0 0 ${places.width} ${places.height}`,
          role: 'group',
          'aria-label': this.trans.__('Steps of the pipeline, and what each needs')
        },
        ...places.lines.map(line => this.line(line, by.get(`${line.from}\n${line.to}`))),
        ...places.nodes.map(node => this.box(node, plan))
      )
    );
    const some = { proven: drawn.some(edge => edge.proven), assumed: drawn.some(edge => !edge.proven) };
    refill(
      this.legend,
      some.proven ? h('span', { class: 'mn-key' }, this.trans.__('proven by a run')) : null,
      some.assumed ? h('span', { class: 'mn-key mn-assumed' }, this.trans.__('assumed')) : null
    );
  }

  private line(line: ILine, edge: PlanEdge | undefined): SVGGElement {
    const d = curve(line.points);
    const label = this.trans.__('From %1 to %2: %3', line.from, line.to, edge ? this.travels(edge).join(', ') : '');
    const middle = line.points[Math.floor(line.points.length / 2)];
    const show = (): void => this.show(middle.x, middle.y, `${line.from} → ${line.to}`, edge ? this.travels(edge) : []);
    return svg(
      'g',
      {
        class: `mn-edge${edge?.proven ? '' : ' mn-assumed'}${edge?.explicit ? ' mn-explicit' : ''}`,
        tabindex: 0,
        role: 'img',
        'aria-label': label,
        'data-key': `${line.from}>${line.to}`,
        mouseenter: show,
        focus: show,
        mouseleave: () => this.hide(),
        blur: () => this.hide()
      },
      svg('path', { d, class: 'mn-reach' }),
      svg('path', { d, class: 'mn-line' }),
      svg('path', { d: head(line.points), class: 'mn-head' })
    );
  }

  /** What travels on an edge, each with its type and size where a run has told. */
  private travels(edge: PlanEdge): string[] {
    const variables = edge.variables.map(({ name, type, bytes: size }) =>
      [name, type, bytes(size)].filter(Boolean).join('  ')
    );
    const why = edge.explicit ? [this.trans.__('asked for by a tag')] : [];
    return variables.length || why.length
      ? [...variables, ...why]
      : [edge.proven ? this.trans.__('the state of the process') : this.trans.__('whatever the notebook’s order gives')];
  }

  private box(node: INode, plan: Plan | null): SVGGElement {
    const line = svg('text', { x: 27, y: 30, class: 'mn-node-state' });
    const sign = svg('g', { transform: 'translate(11 20)' });
    const title = svg('title');
    const progress = svg('rect', { x: 2, y: node.height - 4, height: 2, width: 0, rx: 1, class: 'mn-progress-line' });
    const name = node.name.length > LETTERS ? `${node.name.slice(0, LETTERS - 1)}…` : node.name;
    const needs = (plan?.edges ?? []).filter(edge => edge.to === node.name);
    const show = (): void => {
      if (needs.some(edge => edge.variables.length)) {
        const told = needs.flatMap(edge => edge.variables.map(variable => `${variable.name}  ← ${edge.from}`));
        this.show(node.x, node.y + node.height / 2, this.trans.__('%1 takes', node.name), told);
      }
    };
    const group = svg(
      'g',
      {
        class: 'mn-node',
        transform: `translate(${node.x - node.width / 2} ${node.y - node.height / 2})`,
        tabindex: 0,
        role: 'button',
        'data-key': node.name,
        'data-step': node.name,
        click: () => this.jump(node.name),
        keydown: (event: KeyboardEvent) => {
          if (event.key === 'Enter' || event.key === ' ') {
            event.preventDefault();
            this.jump(node.name);
          }
        },
        focus: show,
        mouseenter: show,
        mouseleave: () => this.hide(),
        blur: () => this.hide()
      },
      title,
      svg('rect', { class: 'mn-box', width: node.width, height: node.height, rx: 5 }),
      svg('rect', { class: 'mn-stripe', x: 1, y: 1, width: 4, height: node.height - 2, rx: 2 }),
      svg('text', { x: 12, y: 16, class: 'mn-node-name' }, name),
      sign,
      line,
      progress
    );
    this.boxes.set(node.name, { group, line, sign, title, progress, shown: '' });
    return group;
  }

  private show(x: number, y: number, head: string, lines: string[]): void {
    const shown = lines.slice(0, 12);
    refill(
      this.card,
      h('strong', {}, head),
      ...shown.map(line => h('div', {}, line)),
      lines.length > shown.length ? h('div', { class: 'mn-faint' }, this.trans.__('and %1 more', lines.length - shown.length)) : null
    );
    this.card.hidden = false;
    const left = Math.max(4, Math.min(x - this.canvas.scrollLeft, this.node.clientWidth - this.card.offsetWidth - 4));
    this.card.style.left = `${left}px`;
    this.card.style.top = `${y - this.canvas.scrollTop + 8}px`;
  }

  private hide(): void {
    this.card.hidden = true;
  }

  private readonly layout = remembered();
  private readonly canvas: HTMLElement;
  private readonly card: HTMLElement;
  private readonly legend: HTMLElement;
  private readonly boxes = new Map<
    string,
    {
      group: SVGGElement;
      line: SVGTextElement;
      sign: SVGGElement;
      title: SVGTitleElement;
      progress: SVGRectElement;
      shown: string;
    }
  >();
  private key = '';
}

type Points = readonly { x: number; y: number }[];

/** A line through the points that leaves and reaches each of them upright. */
function curve([first, ...rest]: Points): string {
  let from = first;
  return rest.reduce((d, to) => {
    const half = (from.y + to.y) / 2;
    const part = from.x === to.x ? `L${to.x} ${to.y}` : `C${from.x} ${half} ${to.x} ${half} ${to.x} ${to.y}`;
    from = to;
    return d + part;
  }, `M${first.x} ${first.y}`);
}

/** The head of an arrow; lines reach a box from above. */
function head(points: Points): string {
  const { x, y } = points[points.length - 1];
  return `M${x} ${y}l-2.8 -6h5.6z`;
}
