// Parallel coordinates: an axis a parameter that differs and a metric, a line an item; the selected in their colours.

const MOST_AXES = 14;
const AXIS = 118;

function parallelPanel(view) {
  const { board, places, shown, tip, width } = view;
  const varies = (column) => new Set(places.map((at) => board.value(column.key, at))).size > 1;
  const columns = board.columns.filter((column) => column.group !== "about" && varies(column)).slice(0, MOST_AXES);
  if (columns.length < 2) return el("p", { class: "mn-note" }, "Fewer than two parameters and metrics differ among these rows.");
  const height = 300;
  const [top, foot] = [52, height - 34];
  const gap = Math.max(AXIS, (width - 130) / (columns.length - 1));
  const wide = Math.round(gap * (columns.length - 1) + 130);
  const scales = columns.map((column) => axisScale(board, column, places, foot, top));
  const path = (at) => {
    let text = "";
    let pen = false;
    columns.forEach((column, index) => {
      const y = scales[index].place(board.value(column.key, at));
      if (y === null) pen = false;
      else {
        text += `${pen ? "L" : "M"}${(65 + index * gap).toFixed(1)},${y.toFixed(1)}`;
        pen = true;
      }
    });
    return text;
  };
  const chosen = new Set(shown.map((each) => board.place.get(each.id)));
  const rest = places.filter((at) => !chosen.has(at)).map(path).join("");
  const lines = shown
    .filter((each) => places.includes(board.place.get(each.id)))
    .map((each) => {
      const at = board.place.get(each.id);
      const line = svg("path", { class: `mn-line mn-thick mn-slot-${each.slot}`, d: path(at), "data-id": each.id });
      const told = columns.map((column) => ({ name: column.label, value: board.text(column, at) || "–" }));
      line.addEventListener("pointermove", (event) => tip.show(event.clientX, event.clientY, each.name, told));
      line.addEventListener("pointerleave", () => tip.hide());
      return line;
    });
  const drawing = svg(
    "svg",
    { class: "mn-chart", width: wide, height, viewBox: `0 0 ${wide} ${height}`, role: "img", "aria-label": `parallel coordinates of ${columns.map((column) => column.label).join(", ")}` },
    // The more there are, the fainter each: a thousand shall not be one black field.
    svg("path", { class: "mn-rest", d: rest, "stroke-opacity": Math.max(0.06, Math.min(0.35, 45 / places.length)) }),
    columns.map((column, index) => drawAxis(column, 65 + index * gap, top, foot)),
    lines.reverse(),
    columns.map((_, index) => drawMarks(scales[index].marks, 65 + index * gap)),
  );
  const text = "Every line is a row of the table that fits the filter. Where a metric has a better end, it is up.";
  return el("div", {}, el("div", { class: "mn-wide" }, drawing), el("p", { class: "mn-note" }, text));
}

function axisScale(board, column, places, foot, top) {
  const values = places.map((at) => board.value(column.key, at)).filter((value) => value !== null);
  if (column.type === "number" && values.every((value) => typeof value === "number")) {
    const domain = extent(values, { air: 0 });
    const scale = linear(domain, column.direction === "min" ? [top, foot] : [foot, top]);
    const marks = [...new Set([domain[0], (domain[0] + domain[1]) / 2, domain[1]])];
    return { place: (value) => (value === null ? null : scale(value)), marks: marks.map((value) => [scale(value), number(value, 4)]) };
  }
  const kinds = [...new Set(values.map(String))].sort(new Intl.Collator(undefined, { numeric: true }).compare);
  const step = kinds.length > 1 ? (foot - top) / (kinds.length - 1) : 0;
  const height = (text) => (kinds.length > 1 ? foot - kinds.indexOf(text) * step : (foot + top) / 2);
  const every = Math.max(1, Math.ceil(kinds.length / 9));
  const marks = kinds.filter((_, at) => at % every === 0).map((text) => [height(text), text.length > 13 ? `${text.slice(0, 12)}…` : text]);
  return { place: (value) => (value === null ? null : height(String(value))), marks };
}

function drawAxis(column, x, top, foot) {
  const name = column.label.length > 17 ? `${column.label.slice(0, 16)}…` : column.label;
  const told = { max: "higher is better", min: "lower is better" }[column.direction] || (column.group === "parameter" ? "parameter" : "");
  return [
    svg("line", { class: "mn-axis", x1: x, x2: x, y1: top, y2: foot }),
    svg("text", { class: "mn-title", x, y: 18, "text-anchor": "middle" }, name, svg("title", {}, column.label)),
    svg("text", { class: "mn-tick", x, y: 34, "text-anchor": "middle" }, told),
  ];
}

// Above the lines, which would cross them out.
function drawMarks(marks, x) {
  return marks.map(([y, text]) => svg("text", { class: "mn-tick mn-halo", x: x - 6, y: y + 4, "text-anchor": "end" }, text));
}
