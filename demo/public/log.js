/** A box of lines that keeps the newest in sight, unless the reader has scrolled away from them. */

export class Log {
  #box;
  #list;
  #limit;
  #follows = true;

  /**
   * @param {HTMLElement} box what scrolls
   * @param {HTMLOListElement} list what the lines are in
   * @param {number} limit how many lines are kept
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

  /** Adds a line, and drops the oldest beyond the limit. */
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
