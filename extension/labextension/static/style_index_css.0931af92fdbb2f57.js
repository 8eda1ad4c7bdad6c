"use strict";(self.rspackChunkmlops_nb=self.rspackChunkmlops_nb||[]).push([["style_index_css"],{"./node_modules/css-loader/dist/cjs.js!./style/cells.css"(e,n,o){var t=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),r=o.n(t),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(a))()(r());i.push([e.id,`/* The margin: room at the left of every cell of a tagged notebook, a bar along each step, a chip at its head. */
.mn-notebook { --mn-gutter: 120px; }
.mn-notebook .jp-Cell { padding-left: calc(var(--mn-gutter) + var(--jp-cell-padding)); }
.mn-notebook .jp-Cell { position: relative; }

.mn-margin {
  position: absolute;
  top: 0;
  bottom: 0;
  left: 0;
  width: var(--mn-gutter);
  pointer-events: none;
  font-family: var(--jp-ui-font-family);
}
.mn-bar {
  position: absolute;
  top: 0;
  bottom: 0;
  right: 0;
  width: 4px;
  background: var(--mn-colour);
}
.mn-first > .mn-bar { top: 5px; border-top-left-radius: 3px; border-top-right-radius: 3px; }
.mn-last > .mn-bar { bottom: 5px; border-bottom-left-radius: 3px; border-bottom-right-radius: 3px; }

.mn-chip {
  all: unset;
  box-sizing: border-box;
  position: absolute;
  top: 4px;
  left: 2px;
  right: 6px;
  padding: 2px 5px 2px 3px;
  display: flex;
  flex-direction: column;
  align-items: flex-end;
  gap: 1px;
  overflow: hidden;
  border-radius: 4px;
  pointer-events: auto;
  cursor: pointer;
  text-align: right;
  color: var(--jp-ui-font-color1);
}
/* A cell of one line has room for two lines beside it, not for three. */
.jp-Cell:has(> .mn-first .mn-chip-notes) { min-height: 54px; }
.mn-chip > * { flex: none; }
.mn-chip:hover { background: var(--jp-layout-color2); }
.mn-chip-name {
  max-width: 100%;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  font-size: var(--jp-ui-font-size1);
  font-weight: 600;
  line-height: 15px;
  color: var(--mn-colour, var(--jp-ui-font-color2));
}
.mn-chip-state {
  display: flex;
  align-items: center;
  gap: 4px;
  font-size: var(--jp-ui-font-size0);
  line-height: 13px;
  white-space: nowrap;
  font-variant-numeric: tabular-nums;
  color: var(--jp-ui-font-color2);
}
.mn-state-failed .mn-chip-state, .mn-state-paused .mn-chip-state, .mn-state-running .mn-chip-state { color: var(--mn-state); font-weight: 600; }
.mn-old .mn-chip-state { color: var(--jp-ui-font-color2); font-style: italic; }
.mn-continues .mn-chip-name { font-weight: 400; font-size: var(--jp-ui-font-size0); }
.mn-chip-notes { display: flex; flex-wrap: wrap; justify-content: flex-end; gap: 2px 6px; }
.mn-note { font-size: 10px; line-height: 12px; color: var(--jp-ui-font-color2); }
.mn-edited { color: var(--mn-wait); }
.mn-hidden { color: var(--mn-bad); }
.mn-left-out .mn-chip-name { font-weight: 400; font-style: italic; }
.jp-Cell:has(> .mn-left-out) > .jp-Cell-inputWrapper { opacity: 0.72; }

@media (max-width: 900px) { .mn-notebook { --mn-gutter: 96px; } }
@media print { .mn-notebook { --mn-gutter: 0; } .mn-margin { display: none; } }
`,""]),o.d(n,{},{A:i})},"./node_modules/css-loader/dist/cjs.js!./style/index.css"(e,n,o){var t=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),r=o.n(t),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=o.n(a),s=o("./node_modules/css-loader/dist/cjs.js!./style/variables.css"),l=o("./node_modules/css-loader/dist/cjs.js!./style/cells.css"),m=o("./node_modules/css-loader/dist/cjs.js!./style/pipeline.css"),d=o("./node_modules/css-loader/dist/cjs.js!./style/runs.css"),p=i()(r());p.i(s.A),p.i(l.A),p.i(m.A),p.i(d.A),p.push([e.id,`
`,""]),o.d(n,{},{A:p})},"./node_modules/css-loader/dist/cjs.js!./style/pipeline.css"(e,n,o){var t=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),r=o.n(t),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(a))()(r());i.push([e.id,`.mn-panel {
  overflow: auto;
  min-width: 300px !important;
  background: var(--jp-layout-color1);
  color: var(--jp-ui-font-color1);
  font-size: var(--jp-ui-font-size1);
}
.mn-head { padding: 10px 12px 8px; }
.mn-head h2 { margin: 0; font-size: 15px; font-weight: 600; overflow-wrap: anywhere; }
.mn-head p { margin: 2px 0 8px; }
.mn-second { margin-top: 6px; }
.mn-second .mn-button { border-color: transparent; padding: 1px 6px; color: var(--jp-ui-font-color2); font-size: var(--jp-ui-font-size0); background: none; }
.mn-second .mn-button:hover:enabled { background: var(--jp-layout-color2); color: var(--jp-ui-font-color1); }
.mn-second { margin-left: -7px; gap: 0; }

.mn-run { padding: 8px 12px 10px; border-top: 1px solid var(--jp-border-color2); }
.mn-run-line { display: flex; gap: 8px; align-items: baseline; }
.mn-run-line .mn-status { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.mn-run-line .mn-link { font-size: var(--jp-ui-font-size0); max-width: 45%; overflow: hidden; text-overflow: ellipsis; }
.mn-run .mn-faint { font-variant-numeric: tabular-nums; }
.mn-notice { margin: 5px 0 0; font-size: var(--jp-ui-font-size0); overflow-wrap: anywhere; }
.mn-meter { margin-top: 6px; height: 4px; border-radius: 2px; background: var(--jp-layout-color3); overflow: hidden; }
.mn-meter > div { height: 100%; background: var(--mn-good); transition: width 0.3s; }
.mn-status-running .mn-meter > div, .mn-status-starting .mn-meter > div { background: var(--mn-work); }
.mn-meter-failed > div, .mn-status-failed .mn-meter > div, .mn-status-died .mn-meter > div { background: var(--mn-bad) !important; }
.mn-status { font-weight: 600; }
.mn-status-succeeded .mn-status, .mn-step-succeeded, .mn-step-cached { color: var(--mn-good); }
.mn-status-running .mn-status, .mn-status-starting .mn-status, .mn-step-running { color: var(--mn-work); }
.mn-status-failed .mn-status, .mn-status-died .mn-status, .mn-status-refused .mn-status, .mn-step-failed, .mn-step-died { color: var(--mn-bad); }
.mn-status-paused .mn-status { color: var(--mn-work); }
.mn-waiting { margin: 6px 0 2px; padding: 6px 10px; border-left: 3px solid var(--mn-work); background: var(--jp-layout-color2); border-radius: 3px; }
.mn-waiting p { margin: 0 0 6px; }
.mn-status-cancelled .mn-status, .mn-step-cancelled, .mn-step-skipped, .mn-step-pending { color: var(--mn-quiet); }

.mn-section { border-top: 1px solid var(--jp-border-color2); }
.mn-section > summary {
  display: flex;
  align-items: center;
  gap: 6px;
  padding: 6px 12px;
  cursor: pointer;
  font-weight: 600;
  color: var(--jp-ui-font-color2);
  list-style: none;
}
.mn-section > summary::-webkit-details-marker { display: none; }
.mn-section > summary::before { content: '▸'; width: 10px; font-size: 10px; }
.mn-section[open] > summary::before { content: '▾'; }
.mn-badge { font-weight: 400; font-size: var(--jp-ui-font-size0); color: var(--jp-ui-font-color2); }
.mn-section-body { padding: 0 12px 10px; }
.mn-section-steps > .mn-section-body { padding: 0 0 8px; }

.mn-graph { position: relative; }
/* Where there is more to scroll to, the edge is shaded: covers that move with the graph lie on shades that do not. */
.mn-graph-scroll {
  --mn-cover: var(--jp-layout-color1) 8px, transparent;
  --mn-shade: var(--jp-border-color2), transparent;
  overflow: auto;
  max-height: 62vh;
  padding: 0 6px;
  background:
    linear-gradient(to right, var(--mn-cover)) left / 20px 100% no-repeat local,
    linear-gradient(to left, var(--mn-cover)) right / 20px 100% no-repeat local,
    linear-gradient(to bottom, var(--mn-cover)) top / 100% 20px no-repeat local,
    linear-gradient(to top, var(--mn-cover)) bottom / 100% 20px no-repeat local,
    linear-gradient(to right, var(--mn-shade)) left / 7px 100% no-repeat scroll,
    linear-gradient(to left, var(--mn-shade)) right / 7px 100% no-repeat scroll,
    linear-gradient(to bottom, var(--mn-shade)) top / 100% 7px no-repeat scroll,
    linear-gradient(to top, var(--mn-shade)) bottom / 100% 7px no-repeat scroll;
}
.mn-graph-scroll > svg { display: block; margin: 0 auto; }
.mn-graph text { font-family: var(--jp-ui-font-family); fill: var(--jp-ui-font-color1); }
.mn-node { cursor: pointer; outline: none; }
.mn-node .mn-box { fill: var(--jp-layout-color1); stroke: var(--jp-border-color1); stroke-width: 1; }
.mn-node:hover .mn-box { fill: var(--jp-layout-color2); }
.mn-node:focus-visible .mn-box { stroke: var(--jp-brand-color1); stroke-width: 2; }
.mn-node .mn-stripe { fill: var(--mn-colour); }
.mn-node.mn-state-failed .mn-box { stroke: var(--mn-bad); stroke-width: 1.5; }
.mn-node.mn-state-running .mn-box { stroke: var(--mn-work); stroke-width: 1.5; }
.mn-node .mn-node-name { font-size: 12px; font-weight: 600; }
.mn-node .mn-node-state { font-size: 11px; fill: var(--jp-ui-font-color2); font-variant-numeric: tabular-nums; }
.mn-node.mn-old .mn-node-state { fill: var(--jp-ui-font-color2); font-style: italic; }
.mn-progress-line { fill: var(--mn-work); }
.mn-edge { outline: none; }
.mn-edge path { fill: none; }
.mn-edge .mn-reach { stroke: transparent; stroke-width: 12; }
.mn-edge .mn-line { stroke: var(--jp-ui-font-color2); stroke-width: 1.3; opacity: 0.75; }
.mn-edge .mn-head { fill: var(--jp-ui-font-color2); stroke: none; }
.mn-edge.mn-assumed .mn-line { stroke-dasharray: 4 3; }
.mn-edge:hover .mn-line, .mn-edge:focus-visible .mn-line { stroke: var(--jp-brand-color1); stroke-width: 2; opacity: 1; }
.mn-edge:hover .mn-head, .mn-edge:focus-visible .mn-head { fill: var(--jp-brand-color1); }
.mn-card {
  position: absolute;
  z-index: 2;
  max-width: 260px;
  padding: 6px 9px;
  border: 1px solid var(--jp-border-color1);
  border-radius: 5px;
  background: var(--jp-layout-color1);
  box-shadow: var(--jp-elevation-z4);
  font-size: var(--jp-ui-font-size0);
  line-height: 16px;
  pointer-events: none;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.mn-legend { display: flex; gap: 14px; margin: 6px 12px 0; font-size: var(--jp-ui-font-size0); }
.mn-key { display: flex; align-items: center; gap: 6px; }
.mn-key::before { content: ''; width: 20px; border-top: 1.5px solid var(--jp-ui-font-color2); }
.mn-key.mn-assumed::before { border-top-style: dashed; }

.mn-problems { list-style: none; margin: 0; padding: 0; }
.mn-problem-item { padding: 5px 0 6px; border-top: 1px solid var(--jp-border-color3, var(--jp-border-color2)); }
.mn-problem-item:first-child { border-top: 0; }
.mn-jump { all: unset; box-sizing: border-box; display: flex; flex-wrap: wrap; gap: 0 8px; width: 100%; padding: 2px 4px; margin: 0 -4px; border-radius: 3px; cursor: pointer; }
.mn-jump:disabled { cursor: default; }
.mn-jump:hover:enabled { background: var(--jp-layout-color2); }
.mn-severity { font-weight: 600; }
.mn-problem-item.mn-error, .mn-problem-item.mn-warning, .mn-problem-item.mn-notice { color: inherit; }
.mn-error .mn-severity { color: var(--mn-bad); }
.mn-warning .mn-severity { color: var(--mn-wait); }
.mn-notice .mn-severity { color: var(--mn-quiet); }
.mn-place { color: var(--jp-ui-font-color2); flex: 1; }
.mn-code { color: var(--jp-ui-font-color2); font-size: var(--jp-ui-font-size0); }
.mn-message { flex-basis: 100%; overflow-wrap: anywhere; }
.mn-fix { margin: 2px 0 4px; color: var(--jp-ui-font-color2); overflow-wrap: anywhere; }
.mn-failure { margin-top: 6px; color: var(--mn-bad); flex-direction: column; }
.mn-failure span { color: var(--jp-ui-font-color1); overflow-wrap: anywhere; }

.mn-parameter { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 3fr); gap: 0 8px; align-items: center; padding: 2px 0; }
.mn-parameter label { overflow: hidden; text-overflow: ellipsis; }
.mn-parameter > div { display: flex; gap: 4px; align-items: center; }
.mn-parameter .mn-problem { grid-column: 2; font-size: var(--jp-ui-font-size0); }
.mn-parameter.mn-changed label { font-weight: 600; }
.mn-kernel-differs td { color: var(--mn-bad); }
.mn-good .mn-verdict { color: var(--mn-good); font-weight: 600; }
.mn-bad .mn-verdict { color: var(--mn-bad); font-weight: 600; }

.mn-status-item { display: flex; align-items: center; height: 100%; }
.mn-status-button { all: unset; line-height: normal; cursor: pointer; padding: 0 6px; font-size: var(--jp-ui-font-size1); color: var(--jp-ui-font-color1); }
.mn-status-button:hover { background: var(--jp-layout-color3); }
`,""]),o.d(n,{},{A:i})},"./node_modules/css-loader/dist/cjs.js!./style/runs.css"(e,n,o){var t=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),r=o.n(t),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(a))()(r());i.push([e.id,`.mn-browser { display: flex; flex-direction: column; background: var(--jp-layout-color1); color: var(--jp-ui-font-color1); font-size: var(--jp-ui-font-size1); overflow: hidden; }
.mn-tabs { display: flex; flex: none; gap: 8px; align-items: center; padding: 6px 16px; border-bottom: 1px solid var(--jp-border-color2); }
.mn-tab { border-color: transparent; }
.mn-tab[aria-current='page'] { background: var(--jp-layout-color2); font-weight: 600; }
.mn-page { flex: 1; min-height: 0; overflow: auto; padding: 12px 16px 24px; outline: none; }
.mn-page[aria-busy] { opacity: 0.6; }
.mn-page h2 { margin: 0; font-size: 18px; font-weight: 600; }
.mn-page header p { margin: 4px 0; }
.mn-page header .mn-actions { margin-top: 8px; }
.mn-search { display: grid; grid-template-columns: minmax(180px, 3fr) minmax(110px, 1fr) 130px auto auto; gap: 8px; max-width: 1000px; }
.mn-rows { width: 100%; max-width: 1100px; }
.mn-rows tbody tr { border-top: 1px solid var(--jp-border-color2); }
.mn-rows tbody tr:hover { background: var(--jp-layout-color2); }
.mn-rows td, .mn-rows th { padding: 5px 12px 5px 4px; }
.mn-rows td.mn-number { text-align: left; }
.mn-part { margin-top: 18px; }
.mn-part > h3 { margin: 0 0 6px; font-size: 13px; font-weight: 600; color: var(--jp-ui-font-color2); }
.mn-wide { overflow: auto; }
.mn-values td:nth-child(2) { text-align: right; font-variant-numeric: tabular-nums; }
.mn-figures { display: flex; flex-wrap: wrap; gap: 12px; }
.mn-figures figure { margin: 0; padding: 8px; max-width: 440px; border: 1px solid var(--jp-border-color2); border-radius: 4px; }
.mn-figures img { display: block; max-width: 100%; max-height: 320px; background: #fff; border-radius: 2px; }
.mn-figures figcaption { padding-top: 6px; }
.mn-failed-step { padding: 6px 12px; border-left: 3px solid var(--mn-bad); background: var(--jp-layout-color2); border-radius: 3px; max-width: 1076px; }
.mn-failed-step p { margin: 2px 0; }
.mn-failed-step .mn-source { background: var(--jp-layout-color1); }
.mn-report { box-sizing: border-box; width: 100%; height: calc(100% - 4px); border: 1px solid var(--jp-border-color2); border-radius: 4px; background: #fff; }
.mn-executed-cell { margin-top: 10px; max-width: 1000px; }
.mn-output { margin: 4px 0 0; padding: 2px 8px; overflow: auto; font-family: var(--jp-code-font-family); font-size: var(--jp-code-font-size); white-space: pre-wrap; }
.mn-output .jp-RenderedHTMLCommon { font-family: var(--jp-content-font-family); white-space: normal; padding-right: 0; }
.mn-stderr { background: var(--jp-rendermime-error-background); }
.mn-compare th, .mn-compare td { padding: 4px 18px 4px 0; border-bottom: 1px solid var(--jp-border-color2); }
.mn-compare thead th { font-weight: 400; }
.mn-compare td.mn-number { text-align: left; }
.mn-compare th:first-child { min-width: 140px; }
.mn-compare th, .mn-compare td { min-width: 150px; }
.mn-difference { margin-left: 8px; font-size: var(--jp-ui-font-size0); }
.mn-best { font-weight: 600; color: var(--mn-good); }
.mn-version { padding: 8px 12px; margin-bottom: 8px; border: 1px solid var(--jp-border-color2); border-radius: 4px; max-width: 1076px; }
.mn-version p { margin: 4px 0 0; }
.mn-version-head { display: flex; flex-wrap: wrap; gap: 10px; align-items: baseline; }
.mn-alias { padding: 0 8px; border-radius: 9px; background: var(--jp-brand-color1); color: var(--jp-ui-inverse-font-color1, #fff); font-size: var(--jp-ui-font-size0); line-height: 17px; }
.mn-metrics { display: flex; flex-wrap: wrap; gap: 4px 18px; font-variant-numeric: tabular-nums; }
.mn-verdicts { margin: 4px 0 0; padding-left: 18px; }
.mn-decision-pass strong, .mn-decision-promote strong { color: var(--mn-good); }
.mn-decision-stop strong, .mn-decision-refuse strong, .mn-decision-fail strong { color: var(--mn-bad); }
`,""]),o.d(n,{},{A:i})},"./node_modules/css-loader/dist/cjs.js!./style/variables.css"(e,n,o){var t=o("./node_modules/css-loader/dist/runtime/noSourceMaps.js"),r=o.n(t),a=o("./node_modules/css-loader/dist/runtime/api.js"),i=(o.n(a))()(r());i.push([e.id,`/* Eight hues of Okabe and Ito's palette, darkened for light themes and lightened for dark ones so that a
   name in any of them has a contrast of 4.5:1 or more, also where the pointer is (WCAG 2.2, 1.4.3). */
:root {
  --mn-hue-0: #00578f;
  --mn-hue-1: #a85300;
  --mn-hue-2: #007a5a;
  --mn-hue-3: #9f4a81;
  --mn-hue-4: #1a719e;
  --mn-hue-5: #756700;
  --mn-hue-6: #b83c25;
  --mn-hue-7: #5b5f97;
  --mn-good: #1e7b4a;
  --mn-work: #0b6ea8;
  --mn-wait: #9a5b00;
  --mn-bad: #c02f2f;
  --mn-quiet: var(--jp-ui-font-color2);
}

body[data-jp-theme-light='false'] {
  --mn-hue-0: #74bbed;
  --mn-hue-1: #e69f4c;
  --mn-hue-2: #45c6a0;
  --mn-hue-3: #e3a1cb;
  --mn-hue-4: #9ad4f5;
  --mn-hue-5: #d9c63f;
  --mn-hue-6: #f99d8a;
  --mn-hue-7: #aaaee5;
  --mn-good: #5cc78c;
  --mn-work: #6cb8ea;
  --mn-wait: #e2ac55;
  --mn-bad: #ff9c9a;
}

.mn-colour-0 { --mn-colour: var(--mn-hue-0); }
.mn-colour-1 { --mn-colour: var(--mn-hue-1); }
.mn-colour-2 { --mn-colour: var(--mn-hue-2); }
.mn-colour-3 { --mn-colour: var(--mn-hue-3); }
.mn-colour-4 { --mn-colour: var(--mn-hue-4); }
.mn-colour-5 { --mn-colour: var(--mn-hue-5); }
.mn-colour-6 { --mn-colour: var(--mn-hue-6); }
.mn-colour-7 { --mn-colour: var(--mn-hue-7); }

.mn-state-fresh, .mn-state-done, .mn-state-cached { --mn-state: var(--mn-good); }
.mn-state-running { --mn-state: var(--mn-work); }
.mn-state-will-run, .mn-state-may-run { --mn-state: var(--mn-wait); }
.mn-state-failed { --mn-state: var(--mn-bad); }
.mn-state-paused { --mn-state: var(--mn-work); }
.mn-state-pending, .mn-state-left-out, .mn-state-unknown, .mn-state-skipped, .mn-state-cancelled { --mn-state: var(--mn-quiet); }

.mn-sign {
  width: 12px;
  height: 12px;
  flex: none;
  fill: none;
  stroke: var(--mn-state, currentcolor);
  stroke-width: 1.6;
  stroke-linecap: round;
  stroke-linejoin: round;
}
.mn-sign.mn-filled { fill: var(--mn-state, currentcolor); stroke-width: 1; }
.mn-state-running .mn-sign { animation: mn-turn 1.4s linear infinite; transform-origin: 6px 6px; transform-box: view-box; }
@keyframes mn-turn { to { transform: rotate(360deg); } }
@media (prefers-reduced-motion: reduce) { .mn-state-running .mn-sign { animation: none; } }

.mn-faint { color: var(--jp-ui-font-color2); }
.mn-error, .mn-problem { color: var(--mn-bad); }
.mn-problem:empty { display: none; }
.mn-number { text-align: right; font-variant-numeric: tabular-nums; }

/* JupyterLab restyles what is in its dialogs, each kind in another way: in ours it stays as it is elsewhere. */
.mn-button, .mn-dialog .mn-button.jp-mod-styled {
  appearance: none;
  height: auto;
  letter-spacing: normal;
  font: inherit;
  font-size: var(--jp-ui-font-size1);
  line-height: 20px;
  padding: 1px 9px;
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color1);
  border-radius: 4px;
  cursor: pointer;
  white-space: nowrap;
}
.mn-button:hover:enabled { background: var(--jp-layout-color2); }
/* Not by a colour: in a theme of high contrast the faint ones are as strong as the others. */
.mn-button:disabled { opacity: 0.45; cursor: default; }
.mn-button.mn-primary:enabled { background: var(--jp-brand-color1); border-color: var(--jp-brand-color1); color: var(--jp-ui-inverse-font-color1, #fff); font-weight: 600; }
.mn-button.mn-primary.mn-warn:enabled { background: var(--jp-warn-color-normal, #b35900); border-color: transparent; color: #fff; }
.mn-button.mn-small { line-height: 16px; padding: 0 7px; font-size: var(--jp-ui-font-size0); }
.mn-button.mn-link { padding: 0; border: 0; background: none; color: var(--jp-content-link-color, var(--jp-brand-color1)); text-align: left; }
.mn-button.mn-link:hover:enabled { text-decoration: underline; background: none; }
.mn-button:focus-visible, .mn-chip:focus-visible, .mn-jump:focus-visible, .mn-section > summary:focus-visible, .mn-status-button:focus-visible {
  outline: 2px solid var(--jp-brand-color1);
  outline-offset: 1px;
}
.mn-actions { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; }

.mn-input, .mn-dialog .mn-input.jp-mod-styled {
  display: block;
  box-sizing: border-box;
  width: 100%;
  min-width: 0;
  height: 26px;
  padding: 2px 7px;
  font: inherit;
  font-size: var(--jp-ui-font-size1);
  color: var(--jp-ui-font-color1);
  background: var(--jp-layout-color1);
  border: 1px solid var(--jp-ui-font-color2);
  border-radius: 4px;
}
.mn-dialog select.mn-input.jp-mod-styled { padding-right: 25px; }
.mn-dialog .mn-field .jp-select-wrapper { height: auto; margin: 0; padding: 0; }
.mn-input::placeholder { color: var(--jp-ui-font-color2); }
.mn-input:focus-visible, .mn-dialog .mn-input.jp-mod-styled:focus-visible { outline: 2px solid var(--jp-brand-color1); outline-offset: -1px; }
textarea.mn-input, .mn-dialog textarea.mn-input.jp-mod-styled { height: auto; font-family: var(--jp-code-font-family); }
.mn-input[aria-invalid='true'], .mn-wrong .mn-input, .mn-dialog .mn-wrong .mn-input { border-color: var(--mn-bad); }
.mn-table { border-collapse: collapse; font-size: var(--jp-ui-font-size1); }
.mn-table th { text-align: left; font-weight: 600; color: var(--jp-ui-font-color2); }
.mn-table th, .mn-table td { padding: 3px 10px 3px 0; vertical-align: top; }
.mn-table td.mn-number, .mn-table th.mn-number { text-align: right; }
.mn-source {
  margin: 4px 0;
  padding: 6px 8px;
  max-height: 360px;
  overflow: auto;
  background: var(--jp-layout-color2);
  border-radius: 3px;
  font-family: var(--jp-code-font-family);
  font-size: var(--jp-code-font-size);
  line-height: var(--jp-code-line-height);
  white-space: pre-wrap;
}

/* Dialogs */
.mn-dialog { min-width: 420px; max-width: 720px; font-size: var(--jp-ui-font-size1); }
.mn-dialog p { margin: 6px 0; }
.jp-Dialog-content:has(.mn-settings) { max-height: 85vh; }
.mn-label { display: block; margin: 4px 0; font-weight: 600; }
.mn-field { display: grid; grid-template-columns: 110px minmax(0, 1fr); gap: 2px 12px; padding: 5px 0; }
.mn-field .mn-faint { margin: 1px 0 0; font-size: var(--jp-ui-font-size0); }
.mn-field .mn-table { width: 100%; }
.mn-field .mn-table td { padding-right: 6px; }
.mn-field .mn-table .jp-select-wrapper { min-width: 110px; }
.mn-proposal { max-height: 60vh; overflow: auto; }
.mn-proposal code { display: block; max-width: 260px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
`,""]),o.d(n,{},{A:i})},"./node_modules/css-loader/dist/runtime/api.js"(e){e.exports=function(e){var n=[];return n.toString=function(){return this.map(function(n){var o="",t=void 0!==n[5];return n[4]&&(o+="@supports (".concat(n[4],") {")),n[2]&&(o+="@media ".concat(n[2]," {")),t&&(o+="@layer".concat(n[5].length>0?" ".concat(n[5]):""," {")),o+=e(n),t&&(o+="}"),n[2]&&(o+="}"),n[4]&&(o+="}"),o}).join("")},n.i=function(e,o,t,r,a){"string"==typeof e&&(e=[[null,e,void 0]]);var i={};if(t)for(var s=0;s<this.length;s++){var l=this[s][0];null!=l&&(i[l]=!0)}for(var m=0;m<e.length;m++){var d=[].concat(e[m]);t&&i[d[0]]||(void 0!==a&&(void 0===d[5]||(d[1]="@layer".concat(d[5].length>0?" ".concat(d[5]):""," {").concat(d[1],"}")),d[5]=a),o&&(d[2]&&(d[1]="@media ".concat(d[2]," {").concat(d[1],"}")),d[2]=o),r&&(d[4]?(d[1]="@supports (".concat(d[4],") {").concat(d[1],"}"),d[4]=r):d[4]="".concat(r)),n.push(d))}},n}},"./node_modules/css-loader/dist/runtime/noSourceMaps.js"(e){e.exports=function(e){return e[1]}},"./style/index.css"(e,n,o){o.r(n);var t=o("./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"),r=o.n(t),a=o("./node_modules/style-loader/dist/runtime/styleDomAPI.js"),i=o.n(a),s=o("./node_modules/style-loader/dist/runtime/insertBySelector.js"),l=o.n(s),m=o("./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"),d=o.n(m),p=o("./node_modules/style-loader/dist/runtime/insertStyleElement.js"),c=o.n(p),u=o("./node_modules/style-loader/dist/runtime/styleTagTransform.js"),f=o.n(u),g=o("./node_modules/css-loader/dist/cjs.js!./style/index.css"),h={};h.styleTagTransform=f(),h.setAttributes=d(),h.insert=l().bind(null,"head"),h.domAPI=i(),h.insertStyleElement=c(),r()(g.A,h);let x=g.A&&g.A.locals?g.A.locals:void 0;o.d(n,{},{default:x})},"./node_modules/style-loader/dist/runtime/injectStylesIntoStyleTag.js"(e){var n=[];function o(e){for(var o=-1,t=0;t<n.length;t++)if(n[t].identifier===e){o=t;break}return o}function t(e,t){for(var r={},a=[],i=0;i<e.length;i++){var s=e[i],l=t.base?s[0]+t.base:s[0],m=r[l]||0,d="".concat(l," ").concat(m);r[l]=m+1;var p=o(d),c={css:s[1],media:s[2],sourceMap:s[3],supports:s[4],layer:s[5]};if(-1!==p)n[p].references++,n[p].updater(c);else{var u=function(e,n){var o=n.domAPI(n);return o.update(e),function(n){n?(n.css!==e.css||n.media!==e.media||n.sourceMap!==e.sourceMap||n.supports!==e.supports||n.layer!==e.layer)&&o.update(e=n):o.remove()}}(c,t);t.byIndex=i,n.splice(i,0,{identifier:d,updater:u,references:1})}a.push(d)}return a}e.exports=function(e,r){var a=t(e=e||[],r=r||{});return function(e){e=e||[];for(var i=0;i<a.length;i++){var s=o(a[i]);n[s].references--}for(var l=t(e,r),m=0;m<a.length;m++){var d=o(a[m]);0===n[d].references&&(n[d].updater(),n.splice(d,1))}a=l}}},"./node_modules/style-loader/dist/runtime/insertBySelector.js"(e){var n={};e.exports=function(e,o){var t=function(e){if(void 0===n[e]){var o=document.querySelector(e);if(window.HTMLIFrameElement&&o instanceof window.HTMLIFrameElement)try{o=o.contentDocument.head}catch(e){o=null}n[e]=o}return n[e]}(e);if(!t)throw Error("Couldn't find a style target. This probably means that the value for the 'insert' parameter is invalid.");t.appendChild(o)}},"./node_modules/style-loader/dist/runtime/insertStyleElement.js"(e){e.exports=function(e){var n=document.createElement("style");return e.setAttributes(n,e.attributes),e.insert(n,e.options),n}},"./node_modules/style-loader/dist/runtime/setAttributesWithoutAttributes.js"(e,n,o){e.exports=function(e){var n=o.nc;n&&e.setAttribute("nonce",n)}},"./node_modules/style-loader/dist/runtime/styleDomAPI.js"(e){e.exports=function(e){if("u"<typeof document)return{update:function(){},remove:function(){}};var n=e.insertStyleElement(e);return{update:function(o){var t,r,a;t="",o.supports&&(t+="@supports (".concat(o.supports,") {")),o.media&&(t+="@media ".concat(o.media," {")),(r=void 0!==o.layer)&&(t+="@layer".concat(o.layer.length>0?" ".concat(o.layer):""," {")),t+=o.css,r&&(t+="}"),o.media&&(t+="}"),o.supports&&(t+="}"),(a=o.sourceMap)&&"u">typeof btoa&&(t+="\n/*# sourceMappingURL=data:application/json;base64,".concat(btoa(unescape(encodeURIComponent(JSON.stringify(a))))," */")),e.styleTagTransform(t,n,e.options)},remove:function(){var e;null===(e=n).parentNode||e.parentNode.removeChild(e)}}}},"./node_modules/style-loader/dist/runtime/styleTagTransform.js"(e){e.exports=function(e,n){if(n.styleSheet)n.styleSheet.cssText=e;else{for(;n.firstChild;)n.removeChild(n.firstChild);n.appendChild(document.createTextNode(e))}}}}]);