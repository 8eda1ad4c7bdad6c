/**
 * A colour for every step: stable by its name, and told apart from its neighbours'.
 *
 * The eight hues are those of Okabe and Ito's palette, which people with any of the common colour-vision deficiencies
 * tell apart (Color Universal Design, 2008); style/variables.css holds their values for light and dark.
 */

export const COLOURS = 8;

/** Return for each step the number of its colour, from 0. */
export function colours(steps: readonly string[]): Map<string, number> {
  const chosen = new Map<string, number>();
  let before = -1;
  for (const step of steps) {
    const tag = step.replace(/\.\d+$/, '');
    let colour = chosen.get(tag) ?? hash(tag) % COLOURS;
    if (!chosen.has(tag) && colour === before) {
      colour = (colour + 3) % COLOURS;
    }
    chosen.set(tag, colour);
    chosen.set(step, colour);
    before = colour;
  }
  return chosen;
}

/** FNV-1a, 32 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    value = Math.imul(value ^ text.charCodeAt(i), 0x01000193) >>> 0;
  }
  return value;
}
