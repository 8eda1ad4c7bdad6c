/** Notice when the page is back: it was hidden, offline, frozen by the browser, or the machine slept. */

const TICK_MS = 3000;

/** Call `wake` whenever events may have been missed and somebody can see the page again. */
export function onWaking(wake: () => void): void {
  const back = (): void => {
    if (!document.hidden) {
      wake();
    }
  };
  document.addEventListener('visibilitychange', back);
  document.addEventListener('resume', back);
  window.addEventListener('online', back);
  // No event tells that a machine slept; a clock that jumped does.
  let last = Date.now();
  window.setInterval(() => {
    const now = Date.now();
    if (now - last > 4 * TICK_MS) {
      back();
    }
    last = now;
  }, TICK_MS);
}
