/** Small helpers for the page. They insert text as text, never as HTML. */

/** Returns the element with that id. */
export const find = (id) => document.getElementById(id);

/**
 * Creates an element.
 *
 * @param {string} name
 * @param {string} className may be empty
 * @param {...(string | Node)} content strings become text
 */
export function element(name, className, ...content) {
  const made = document.createElement(name);
  made.className = className;
  made.append(...content);
  return made;
}

/** The letter of a process, in its colour. */
export function badge(process) {
  const made = element('span', 'badge', process);
  made.dataset.process = process;
  return made;
}

const two = (number) => String(number).padStart(2, '0');

/** Formats a time as `09:30:00`. */
export const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** Formats a time as `09:30:00.125`. */
export const preciseClock = (date) => `${clock(date)}.${String(date.getMilliseconds()).padStart(3, '0')}`;

/** Formats a duration in ms, as `02:05` or `1:00:00`. */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  return `${hours > 0 ? `${hours}:` : ''}${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

/** Formats a number of bytes, as `512 B` or `1.5 kB`. */
export function bytes(count) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return power === 0 ? `${Math.round(count)} B` : `${(count / 1000 ** power).toFixed(1)} ${units[power]}`;
}
