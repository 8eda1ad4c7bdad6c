// Elements of the page. Every text goes in as a text node: nothing here, or anywhere in these files, parses HTML.

const SVG = "http://www.w3.org/2000/svg";
const FOCUSABLE = "button, input, select, summary, dialog, [tabindex]";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, String(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child !== null && child !== undefined && child !== false) node.append(child);
  }
  // JupyterLab asks what has the focus, and not what is around it, before it takes a key for a command: `d` `d`.
  if (node.matches(FOCUSABLE)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  return node;
}

function el(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

// The next picture is drawn once, however many changes ask for it.
function onceAFrame(draw) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
}

// A note beside the pointer, or beside what the keyboard is on; screen readers hear it from a line of their own.
class Tip {
  constructor(root) {
    this.root = root;
    this.box = el("div", { class: "mn-tip", "aria-hidden": "true", hidden: true });
    this.spoken = el("div", { class: "mn-unseen", role: "status", "aria-live": "polite" });
    root.append(this.box, this.spoken);
  }

  show(x, y, title, lines, { speak = false } = {}) {
    this.box.replaceChildren(
      el("div", { class: "mn-tip-title" }, title),
      ...lines.map((line) =>
        el("div", { class: "mn-tip-line" }, swatch(line.slot), el("span", {}, line.name), el("b", {}, line.value)),
      ),
    );
    this.box.hidden = false;
    const around = this.root.getBoundingClientRect();
    const wide = this.box.offsetWidth;
    const left = x - around.left + 14;
    this.box.style.left = `${Math.max(0, left + wide > around.width ? left - wide - 28 : left)}px`;
    this.box.style.top = `${y - around.top + 10}px`;
    if (speak) this.spoken.textContent = `${title}: ${lines.map((line) => `${line.name} ${line.value}`).join(", ")}`;
  }

  hide() {
    this.box.hidden = true;
  }
}

// The colour of a selected item, the same in the table and in every chart. Later ones have dashes too.
function swatch(slot) {
  if (slot === undefined || slot < 0) return null;
  const line = svg("line", { x1: 1, x2: 21, y1: 5, y2: 5, class: `mn-line mn-slot-${slot}` });
  return svg("svg", { class: "mn-swatch", width: 22, height: 10, "aria-hidden": "true" }, line);
}
