/** What is published on channels of `node:diagnostics_channel`. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { AsyncQueue } from './async-queue.ts';
import { afterTest } from './cleanup.ts';

/** What is published on a channel for the rest of the test. */
export function published<Message>(name: string): AsyncQueue<Message> {
  const queue = new AsyncQueue<Message>();
  listenTo<Message>(name, (message) => queue.push(message));
  return queue;
}

/** Subscribes for the rest of the test. */
export function listenTo<Message>(name: string, onMessage: (message: Message) => void): void {
  const listener = (message: unknown) => onMessage(message as Message);
  subscribe(name, listener);
  afterTest(() => void unsubscribe(name, listener));
}
