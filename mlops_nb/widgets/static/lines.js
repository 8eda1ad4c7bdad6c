// A chart of lines over one axis each: grid, reference, bands, and a hair that reads every line where it stands.

const MARGIN = { top: 30, right: 14, bottom: 40, left: 52 };
const STEPS = 24;

// `told`: title, x, y (labels), xs, ys (domains), reference ([x1, y1, x2, y2, label]),
// lines: [{ id, name, slot, x, y, low, high, dots, notes }].
function lineChart(told, width, tip) {
  const height = Math.round(Math.min(290, width * 0.78));
  const x = linear(told.xs, [MARGIN.left, width - MARGIN.right]);
  const y = linear(told.ys, [height - MARGIN.bottom, MARGIN.top]);
  const hair = svg("line", { class: "mn-hair", y1: MARGIN.top, y2: height - MARGIN.bottom, hidden: true });
  const dots = told.lines.map((line) => svg("circle", { r: 3.5, class: `mn-dot mn-slot-${line.slot}`, hidden: true }));
  const chart = svg(
    "svg",
    {
      class: "mn-chart",
      width,
      height,
      viewBox: `0 0 ${width} ${height}`,
      tabindex: "0",
      role: "img",
      "aria-label": `${told.title}: ${told.y} by ${told.x}, ${told.lines.map((line) => line.name).join("; ")}. Arrow keys read values.`,
    },
    svg("text", { class: "mn-title", x: MARGIN.left, y: 16 }, told.title),
    axes(told, x, y, width, height),
    reference(told.reference, x, y),
    // The first selected lies on top.
    told.lines.map((line) => band(line, x, y)).reverse(),
    told.lines.map((line) => drawn(line, x, y)).reverse(),
    hair,
    dots,
  );

  let at = null;
  const read = (value, pageX, pageY, speak) => {
    const found = told.lines.map((line) => heightAt(line.x, line.y, value));
    for (const mark of [hair, ...dots]) mark.setAttribute("hidden", "");
    if (found.every((each) => each === null)) return tip.hide();
    hair.removeAttribute("hidden");
    hair.setAttribute("x1", x(value));
    hair.setAttribute("x2", x(value));
    const lines = told.lines.flatMap((line, index) => {
      if (found[index] === null) return [];
      dots[index].removeAttribute("hidden");
      dots[index].setAttribute("cx", x(value));
      dots[index].setAttribute("cy", y(found[index]));
      return [{ slot: line.slot, name: line.name, value: number(found[index], 4) }];
    });
    tip.show(pageX, pageY, `${told.x} ${number(value, 3)}`, lines, { speak });
  };
  const leave = () => {
    for (const mark of [hair, ...dots]) mark.setAttribute("hidden", "");
    tip.hide();
  };
  chart.addEventListener("pointermove", (event) => {
    const place = ((event.clientX - chart.getBoundingClientRect().left) * width) / chart.getBoundingClientRect().width;
    if (place < MARGIN.left || place > width - MARGIN.right) return leave();
    return read(x.invert(place), event.clientX, event.clientY, false);
  });
  chart.addEventListener("pointerleave", leave);
  chart.addEventListener("blur", leave);
  chart.addEventListener("keydown", (event) => {
    const [low, high] = told.xs;
    const step = (high - low) / STEPS;
    const moves = { ArrowRight: step, ArrowLeft: -step, Home: low - high, End: high - low };
    if (event.key === "Escape") leave();
    if (!(event.key in moves)) return;
    at = Math.min(high, Math.max(low, (at ?? (low + high) / 2) + moves[event.key]));
    const box = chart.getBoundingClientRect();
    read(at, box.left + (x(at) * box.width) / width, box.top + MARGIN.top, true);
    event.preventDefault();
    event.stopPropagation();
  });
  return chart;
}

function axes(told, x, y, width, height) {
  const foot = height - MARGIN.bottom;
  return [
    ticks(told.ys).map((tick) => [
      svg("line", { class: "mn-grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(tick), y2: y(tick) }),
      svg("text", { class: "mn-tick", x: MARGIN.left - 8, y: y(tick) + 4, "text-anchor": "end" }, number(tick, 3)),
    ]),
    ticks(told.xs).map((tick) =>
      svg("text", { class: "mn-tick", x: x(tick), y: foot + 15, "text-anchor": "middle" }, number(tick, 3)),
    ),
    svg("line", { class: "mn-axis", x1: MARGIN.left, x2: width - MARGIN.right, y1: foot, y2: foot }),
    svg("text", { class: "mn-name", x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 7, "text-anchor": "middle" }, told.x),
    svg(
      "text",
      { class: "mn-name", "text-anchor": "middle", transform: `translate(12 ${(MARGIN.top + foot) / 2}) rotate(-90)` },
      told.y,
    ),
  ];
}

function reference(line, x, y) {
  if (!line) return null;
  const [x1, y1, x2, y2, label] = line;
  const drawn = svg("line", { class: "mn-reference", x1: x(x1), y1: y(y1), x2: x(x2), y2: y(y2) });
  drawn.append(svg("title", {}, label));
  return drawn;
}

function band(line, x, y) {
  if (!line.low) return null;
  const there = line.x.map((value, at) => `${x(value).toFixed(1)},${y(line.high[at]).toFixed(1)}`);
  const back = line.x.map((value, at) => `${x(value).toFixed(1)},${y(line.low[at]).toFixed(1)}`).reverse();
  return svg("polygon", { class: `mn-band mn-slot-${line.slot}`, points: [...there, ...back].join(" ") });
}

function drawn(line, x, y) {
  const points = line.x.map((value, at) => `${x(value).toFixed(1)},${y(line.y[at]).toFixed(1)}`).join(" ");
  const dots = line.dots
    ? line.x.map((value, at) => svg("circle", { class: `mn-dot mn-slot-${line.slot}`, cx: x(value), cy: y(line.y[at]), r: 2.5 }))
    : [];
  return [svg("polyline", { class: `mn-line mn-slot-${line.slot}`, points, "data-id": line.id }), ...dots];
}
