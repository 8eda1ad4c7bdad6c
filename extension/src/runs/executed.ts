/** What a run left to look at: the executed notebook of a step, and the run as a page. Both only to be read. */

import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { Widget } from '@lumino/widgets';

import { attempt } from '../view/dialogs';
import { button, h } from '../view/elements';
import type { IView } from './browser';
import { withoutColours } from './tables';

export async function executedStep(view: IView, run: string, step: string): Promise<Node> {
  const notebook = await view.api.stepNotebook(run, step, view.path);
  const cells = notebook.cells.filter(cell => joined(cell.source).trim());
  return h(
    'article',
    { class: 'mn-executed', 'data-step': step },
    h(
      'div',
      { class: 'mn-actions' },
      h('span', { class: 'mn-faint' }, view.trans.__('As the run executed it; read-only.')),
      button(view.trans.__('Reopen'), () =>
        attempt(async () => {
          const opened = await view.api.open({ run, step }, view.path);
          await view.commands.execute('docmanager:open', { path: opened.path });
        })
      )
    ),
    ...cells.map(cell =>
      h(
        'section',
        { class: `mn-executed-cell mn-${cell.cell_type}` },
        h('pre', { class: 'mn-source', tabindex: 0 }, joined(cell.source)),
        ...(cell.outputs ?? []).map(output => rendered(output, view))
      )
    )
  );
}

/** The report's own page has no scripts; the sandbox makes sure of it, and gives it an origin of its own. */
export async function reportPage(view: IView, run: string): Promise<Node> {
  const html = await view.api.report(run, view.path);
  return h('iframe', {
    class: 'mn-report',
    sandbox: '',
    srcdoc: html,
    title: view.trans.__('Report of run %1', run)
  });
}

function rendered(output: Record<string, unknown>, view: IView): HTMLElement {
  const text = (content: string, kind = ''): HTMLElement => h('pre', { class: `mn-output ${kind}` }, withoutColours(content));
  switch (output.output_type) {
    case 'stream':
      return text(joined(output.text), output.name === 'stderr' ? 'mn-stderr' : '');
    case 'error': {
      const traceback = output.traceback as string[] | undefined;
      return text(traceback?.length ? traceback.join('\n') : `${output.ename}: ${output.evalue}`, 'mn-stderr');
    }
    default: {
      const data = (output.data ?? {}) as Record<string, unknown>;
      return (view.rendermime && rich(data, output, view.rendermime, view)) ?? text(joined(data['text/plain']));
    }
  }
}

/** Render as a notebook that is not trusted: HTML is sanitised, scripts do not run. */
function rich(
  data: Record<string, unknown>,
  output: Record<string, unknown>,
  rendermime: IRenderMimeRegistry,
  view: IView
): HTMLElement | null {
  const bundle = Object.fromEntries(Object.entries(data).map(([type, value]) => [type, Array.isArray(value) ? joined(value) : value]));
  const type = rendermime.preferredMimeType(bundle as never, 'ensure');
  if (!type) {
    return null;
  }
  const renderer = rendermime.createRenderer(type);
  const model = rendermime.createModel({ data: bundle as never, metadata: (output.metadata ?? {}) as never, trusted: false });
  const host = h('div', { class: 'mn-output' });
  void renderer.renderModel(model).catch(error => host.replaceChildren(String(error)));
  // Lumino attaches to what is in the page only; the host is put there by whoever shows this.
  requestAnimationFrame(() => {
    if (host.isConnected) {
      Widget.attach(renderer, host);
    } else {
      host.append(renderer.node);
    }
  });
  view.leaving(() => renderer.dispose());
  return host;
}

function joined(text: unknown): string {
  return Array.isArray(text) ? text.join('') : typeof text === 'string' ? text : '';
}
