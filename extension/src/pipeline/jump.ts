/** Go to a cell, and to a line in it. */

import type { NotebookPanel } from '@jupyterlab/notebook';

import type { Pipeline } from '../model/pipeline';

export async function jumpToCell(panel: NotebookPanel, index: number, line: number | null = null): Promise<void> {
  const notebook = panel.content;
  const cell = notebook.widgets[index];
  if (!cell) {
    return;
  }
  notebook.activeCellIndex = index;
  notebook.deselectAll();
  await notebook.scrollToItem(index, 'smart');
  if (line === null) {
    notebook.node.focus();
    return;
  }
  notebook.mode = 'edit';
  await cell.ready;
  cell.editor?.focus();
  cell.editor?.setCursorPosition({ line: Math.max(0, line - 1), column: 0 });
}

export function jumpToStep(panel: NotebookPanel, pipeline: Pipeline, step: string): void {
  const place = pipeline.places.find(each => each.step === step);
  if (place) {
    void jumpToCell(panel, place.index);
  }
}
