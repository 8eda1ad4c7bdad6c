// What is drawn of the selected: curves of their predictions, and a map of their slices.

// Each kind of curve: its title, its axes, and where a line lies that tells nothing.
const CURVES = {
  roc: { title: "ROC", x: "false positive rate", y: "true positive rate", unit: true, diagonal: "by chance" },
  pr: { title: "Precision and recall", x: "recall", y: "precision", unit: true, share: "by chance" },
  calibration: { title: "Calibration", x: "predicted probability", y: "share that came true", unit: true, diagonal: "perfect", dots: true },
  residuals: { title: "Residuals", x: "predicted − actual", y: "density", from: 0, upright: "no error" },
  characteristic: { title: "Error characteristic", x: "off by at most", y: "share of rows", from: 0, shares: true },
  by_prediction: { title: "Residual by prediction", x: "predicted", y: "median, 10th to 90th percentile", flat: "no error", dots: true },
};

function curvePanel(view) {
  const { board, details, shown, tip, width } = view;
  const having = shown.filter((each) => details[each.id]?.curves);
  const notes = shown.filter((each) => !details[each.id]?.curves).map((each) => note(each, details[each.id]));
  const kinds = new Map();
  for (const each of having) {
    const { curves, task, share } = details[each.id].curves;
    for (const [kind, points] of Object.entries(curves)) {
      if (!CURVES[kind]) continue;
      if (!kinds.has(kind)) kinds.set(kind, { task, share, lines: [] });
      kinds.get(kind).lines.push({ ...each, ...points, dots: CURVES[kind].dots });
    }
  }
  const wide = Math.floor(Math.max(270, Math.min(460, (width - 24) / Math.max(1, Math.min(3, kinds.size)) - 8)));
  const charts = [...kinds].map(([kind, told]) => lineChart(curveChart(CURVES[kind], told), wide, tip));
  const rows = having.map((each) => details[each.id].curves.rows);
  const differ = new Set(rows).size > 1 ? "The curves are of tables with different numbers of rows." : null;
  const none = shown.length ? null : "Select rows of the table to draw them.";
  return el("div", {}, el("div", { class: "mn-charts" }, charts), ...[none, differ, ...notes].filter(Boolean).map((text) => el("p", { class: "mn-note" }, text)));

  function note(each, told) {
    if (!told) return `${board.name(each.id)}: its curves were not read yet, or are not in the saved notebook.`;
    return `${board.name(each.id)} ${told.note}.`;
  }
}

function curveChart(kind, { share, lines }) {
  const all = (axis) => lines.flatMap((line) => line[axis] || []);
  const heights = [...all("y"), ...all("low"), ...all("high")];
  const xs = kind.unit ? [0, 1] : extent([...all("x"), ...(kind.from === 0 && kind.shares ? [0] : [])], { air: 0 });
  const ys = kind.unit || kind.shares ? [0, 1] : extent([...heights, 0], kind.from === 0 ? { least: 0 } : {});
  const reference = kind.diagonal
    ? [0, 0, 1, 1, kind.diagonal]
    : kind.share
      ? [0, share, 1, share, kind.share]
      : kind.flat
        ? [xs[0], 0, xs[1], 0, kind.flat]
        : kind.upright && xs[0] < 0 && xs[1] > 0
          ? [0, ys[0], 0, ys[1], kind.upright]
          : null;
  return { ...kind, xs, ys, reference, lines };
}

// A map of slices: a row a group, a column a selected item, the darker the higher.
function slicePanel(view, state, redraw) {
  const { details, shown } = view;
  const having = shown.filter((each) => details[each.id]?.slices);
  if (!having.length) {
    const text = shown.length ? "The selected publish no table with the columns column and group." : "Select rows of the table to draw them.";
    return el("p", { class: "mn-note" }, text);
  }
  const measures = [...new Set(having.flatMap((each) => details[each.id].slices.measures))];
  const preferred = ["recall", "accuracy", "roc_auc", "mae", "rmse"].find((name) => measures.includes(name));
  const measure = measures.includes(state.measure) ? state.measure : preferred || measures[measures.length - 1];
  const names = [...new Set(having.flatMap((each) => details[each.id].slices.rows.map((row) => row.slice)))];
  const cells = having.map((each) => new Map(details[each.id].slices.rows.map((row) => [row.slice, row])));
  const values = cells.flatMap((column) => [...column.values()].map((row) => row.values[measure])).filter(Number.isFinite);
  const [low, high] = extent(values, { air: 0 });
  const select = el(
    "select",
    {
      onchange: (event) => {
        state.measure = event.target.value;
        redraw();
      },
    },
    measures.map((name) => el("option", { value: name, selected: name === measure }, name)),
  );
  const head = el("tr", {}, el("th", { scope: "col" }, "slice"), having.map((each) => el("th", { scope: "col", title: each.name }, swatch(each.slot), el("span", {}, each.name))));
  const body = names.map((name) =>
    el("tr", {}, el("th", { scope: "row", title: name }, name), cells.map((column) => heat(column.get(name), measure, low, high))),
  );
  const more = having.some((each) => details[each.id].slices.more > 0);
  return el(
    "div",
    {},
    el(
      "div",
      { class: "mn-tools" },
      el("label", {}, "Measure ", select),
      el("span", { class: "mn-scale" }, number(low, 3), el("span", { class: "mn-ramp", "aria-hidden": "true" }), number(high, 3)),
    ),
    el("div", { class: "mn-heat" }, el("table", { "aria-label": `${measure} by slice` }, el("thead", {}, head), el("tbody", {}, body))),
    more ? el("p", { class: "mn-note" }, "Some slices are left out: the first of each table are shown.") : null,
  );
}

function heat(row, measure, low, high) {
  const value = row?.values[measure];
  if (!Number.isFinite(value)) return el("td", { class: "mn-empty" }, "–");
  const strength = Math.round(4 + (52 * (value - low)) / (high - low || 1));
  const interval = row.intervals[measure];
  const between = interval?.every(Number.isFinite) ? `${number(interval[0], 3)} to ${number(interval[1], 3)}` : "";
  return el(
    "td",
    { style: `--mn-strength:${strength}%`, title: [`${row.slice}: ${number(value, 5)}`, between].filter(Boolean).join(", ") },
    number(value, 3),
    between ? el("span", { class: "mn-beside" }, between) : null,
  );
}
