/** A card for each process: what it says of itself, whether it holds the session of this page, and what it answered. */
import { badge, duration, element, find } from './dom.js';

const NAMES = ['A', 'B', 'C'];

export class Processes {
  /** By name. */
  #cards = new Map(NAMES.map((name) => [name, new Card(name)]));
  #owner;

  constructor() {
    find('process-list').append(...[...this.#cards.values()].map(({ line }) => line));
    setInterval(() => {
      for (const card of this.#cards.values()) {
        card.showAge();
      }
    }, 1_000);
  }

  /** Shows what a process says of itself. Returns the pid that it had before; undefined where that is the same. */
  update(message) {
    return this.#cards.get(message.process)?.update(message);
  }

  /** Shows as gone all processes that are not among these nodes. Returns their names. */
  keep(nodes) {
    const gone = [...this.#cards.values()].filter((card) => card.isKnown && !nodes.includes(card.node));
    for (const card of gone) {
      card.become('gone');
    }
    return gone.map(({ name }) => name);
  }

  /** The process has ended. */
  remove(pid) {
    for (const card of this.#cards.values()) {
      if (card.pid === pid) {
        card.become('gone');
      }
    }
  }

  /** Marks the process that holds the session of this page; undefined for none. */
  setOwner(name) {
    this.#owner = name;
    for (const card of this.#cards.values()) {
      card.setOwner(card.name === this.#owner);
    }
  }

  /** Shows how many requests of this page's session each process has answered. */
  showAnswers(counts) {
    for (const [name, card] of this.#cards) {
      card.showAnswers(counts.get(name) ?? 0);
    }
  }
}

class Card {
  pid;
  node;
  #startedAt;
  #state = 'unknown';
  #isOwner = false;
  #title = element('p', 'pid', 'not heard of yet');
  #tag = element('p', 'tag');
  #age = element('dd', '', '–');
  #here = element('dd', '', '–');
  #everywhere = element('dd', '', '–');
  #answers = element('dd', '', '0');
  #people = element('p', 'people');

  constructor(name) {
    this.name = name;
    const words = element('div', '', element('h3', '', `Process ${name}`), this.#title);
    const figure = (label, value) => element('div', '', element('dt', '', label), value);
    const figures = element(
      'dl',
      'figures',
      figure('Up for', this.#age),
      figure('People here', this.#here),
      figure('In the room', this.#everywhere),
      figure('Your requests', this.#answers),
    );
    this.line = element('li', 'process', element('div', 'who', badge(name), words, this.#tag), figures, this.#people);
    this.line.dataset.process = name;
    this.become('unknown');
  }

  get isKnown() {
    return this.#state === 'running';
  }

  update({ pid, node, startedAt, people, here, everywhere }) {
    const previous = this.pid;
    this.pid = pid;
    this.node = node;
    this.#startedAt = startedAt;
    this.become('running');
    this.#here.textContent = here;
    this.#everywhere.textContent = everywhere;
    const more = here - people.length;
    this.#people.textContent =
      here === 0 ? 'No people here.' : people.join(', ') + (more > 0 ? ` and ${more} more` : '');
    return previous !== pid ? previous : undefined;
  }

  become(state) {
    this.#state = state;
    this.line.dataset.state = state;
    if (state === 'running') {
      this.#title.textContent = `pid ${this.pid}`;
    } else if (state === 'gone') {
      this.#title.textContent = `pid ${this.pid} has ended`;
      this.#here.textContent = this.#everywhere.textContent = '–';
      this.#people.textContent = 'Another process takes its place in a moment.';
    }
    this.showAge();
    this.#showTag();
  }

  setOwner(isOwner) {
    this.#isOwner = isOwner;
    this.line.classList.toggle('owner', isOwner);
    this.#showTag();
  }

  showAge() {
    this.#age.textContent = this.isKnown ? duration(Math.max(0, Date.now() - this.#startedAt)) : '–';
  }

  showAnswers(count) {
    this.#answers.textContent = count;
  }

  #showTag() {
    this.#tag.textContent = this.#state === 'gone' ? 'ended' : this.#isOwner ? 'holds your session' : '';
  }
}
