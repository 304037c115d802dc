/** The feed behind the statistics page: what `stats()` of an endpoint says, once a second, to whoever is connected. */
import { type SockjsRouter, sockjs } from '../lib/index.ts';

/** ms between two readings. */
const INTERVAL = 1_000;

/** A SockJS endpoint that tells what another one counts. */
export function createStatsFeed(watched: SockjsRouter): SockjsRouter {
  const reading = () => JSON.stringify({ at: Date.now(), ...watched.stats() });
  let timer: NodeJS.Timeout | undefined;

  const feed: SockjsRouter = sockjs({ maxMessageSize: 1_024, maxSessions: 100 }, (session) => {
    session.send(reading());
    // It only talks: what it is told is read and forgotten.
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
