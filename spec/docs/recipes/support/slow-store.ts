/** Loaded before a program with express-session: its store forgets a login only once another SockJS session has opened. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { MemoryStore } from 'express-session';

const { destroy } = MemoryStore.prototype;

MemoryStore.prototype.destroy = function destroyLater(id, callback) {
  const onOpen = () => {
    unsubscribe('sockjs:session:open', onOpen);
    destroy.call(this, id, callback);
  };
  this.get(id, (_error, login) => {
    if (login?.user === undefined) {
      destroy.call(this, id, callback); // A login begins: it takes the place of a session without one.
    } else {
      subscribe('sockjs:session:open', onOpen);
      console.log('The store is slow');
    }
  });
};
