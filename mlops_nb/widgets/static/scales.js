// From values to places: linear scales with ticks at round numbers.

function linear([low, high], [from, to]) {
  const span = high - low || 1;
  const scale = (value) => from + ((value - low) / span) * (to - from);
  scale.invert = (place) => low + ((place - from) / (to - from || 1)) * span;
  scale.domain = [low, high];
  return scale;
}

function ticks([low, high], count = 5) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const rough = span / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((part) => part * power).find((each) => each >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) found.push(at * step);
  return found;
}

// A little air on both sides, and none where the ends mean something, as 0 and 1 of a share.
function extent(values, { air = 0.05, least, most } = {}) {
  const finite = values.filter(Number.isFinite);
  if (!finite.length) return [0, 1];
  let low = finite.reduce((one, other) => Math.min(one, other));
  let high = finite.reduce((one, other) => Math.max(one, other));
  if (low === high) {
    const half = Math.abs(low) * 0.05 || 0.5;
    [low, high] = [low - half, high + half];
  }
  const room = (high - low) * air;
  return [Math.max(low - room, least ?? -Infinity), Math.min(high + room, most ?? Infinity)];
}

// The height of a line of points at some x; null outside of it.
function heightAt(xs, ys, x) {
  if (!xs.length || x < xs[0] || x > xs[xs.length - 1]) return null;
  let [low, high] = [0, xs.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (xs[middle] <= x) low = middle;
    else high = middle;
  }
  const span = xs[high] - xs[low];
  return span > 0 ? ys[low] + ((x - xs[low]) / span) * (ys[high] - ys[low]) : ys[high];
}
