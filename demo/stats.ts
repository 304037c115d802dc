/** The feed of the statistics page: sends `stats()` of an endpoint to all clients, once a second. */
import { type SockjsRouter, sockjs } from '../lib/index.ts';

/** ms between two messages. */
const INTERVAL = 1_000;

/** Returns a SockJS endpoint that sends the statistics of another endpoint. */
export function createStatsFeed(source: SockjsRouter): SockjsRouter {
  const reading = () => JSON.stringify({ at: Date.now(), ...source.stats() });
  let timer: NodeJS.Timeout | undefined;

  const feed: SockjsRouter = sockjs({ maxMessageSize: 1_024, maxSessions: 100 }, (session) => {
    session.send(reading());
    // Clients have nothing to send: their messages are read and dropped.
    session.on('message', () => {});
    timer ??= setInterval(() => feed.broadcast(reading()), INTERVAL);
    session.on('close', () => {
      if (feed.sessions.size === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    });
  });
  return feed;
}
