/** Numbers as people read them. */

/** Seconds in one or two units: `0.4 s`, `12 s`, `3 min`, `2 h`. */
export function seconds(value: number | null | undefined): string {
  if (value === null || value === undefined) {
    return '';
  }
  if (value < 0.05) {
    return '0 s';
  }
  if (value < 9.95) {
    return `${value.toFixed(1)} s`;
  }
  if (value < 99.5) {
    return `${Math.round(value)} s`;
  }
  return value < 5400 ? `${Math.round(value / 60)} min` : `${(value / 3600).toFixed(1)} h`;
}

/** Bytes in decimal units, as files are counted. */
export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) {
    return '';
  }
  let unit = 0;
  while (value >= 999.5 && unit < 4) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${['B', 'kB', 'MB', 'GB', 'TB'][unit]}`;
}

/** A metric or parameter value on one line, numbers with six significant digits. */
export function plain(value: unknown): string {
  if (typeof value === 'number') {
    return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(6)));
  }
  if (value === null || value === undefined) {
    return '–';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A difference with its sign. */
export function signed(value: number): string {
  return value === 0 ? '±0' : `${value > 0 ? '+' : '−'}${plain(Math.abs(value))}`;
}

/** A time as the reader's clock shows it; the date only when it is not today's. */
export function moment(at: string | null | undefined, now = new Date()): string {
  if (!at) {
    return '';
  }
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) {
    return at;
  }
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return date.toDateString() === now.toDateString()
    ? time
    : `${date.toLocaleDateString([], { day: 'numeric', month: 'short' })} ${time}`;
}
