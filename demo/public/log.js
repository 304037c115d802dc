/** A scrolling list that follows the newest line, unless the reader has scrolled up. */

export class Log {
  #box;
  #list;
  #limit;
  #follows = true;

  /**
   * @param {HTMLElement} box the scrolling element
   * @param {HTMLOListElement} list the list of lines within it
   * @param {number} limit lines that it keeps
   */
  constructor(box, list, limit) {
    this.#box = box;
    this.#list = list;
    this.#limit = limit;
    box.addEventListener('scroll', () => {
      this.#follows = box.scrollHeight - box.scrollTop - box.clientHeight < 32;
    });
    const observer = new ResizeObserver(() => this.#follow());
    observer.observe(box);
    observer.observe(list);
  }

  /** Appends a line, and removes the oldest beyond the limit. */
  add(line) {
    this.#list.append(line);
    while (this.#list.childElementCount > this.#limit) {
      this.#list.firstElementChild.remove();
    }
    this.#follow();
  }

  clear() {
    this.#list.replaceChildren();
    this.#follows = true;
  }

  #follow() {
    if (this.#follows) {
      this.#box.scrollTop = this.#box.scrollHeight;
    }
  }
}
