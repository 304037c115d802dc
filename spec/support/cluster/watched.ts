/** The sockets and timers that this process makes during a test. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { RoomAnnouncements } from '../../../lib/cluster/room-announcements.ts';
import { WireLink } from '../../../lib/cluster/wire-link.ts';
import { type DeadlineTimer, NOT_QUEUED } from '../../../lib/util/deadline-timer.ts';
import { TimerQueue } from '../../../lib/util/timer-queue.ts';
import { afterTest } from '../cleanup.ts';

/** Returns the sockets that are open, and were opened after this call. */
export function watchSockets(): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  for (const channel of ['net.client.socket', 'net.server.socket']) {
    subscribe(channel, onSocket);
    afterTest(() => {
      unsubscribe(channel, onSocket);
    });
  }
  return sockets;
}

/** Notes the types of all messages that are sent on links from now on. */
export function watchLinks(types: string[]): void {
  const { send } = WireLink.prototype;
  WireLink.prototype.send = function (message) {
    types.push(message.type);
    send.call(this, message);
  };
  afterTest(() => {
    WireLink.prototype.send = send;
  });
}

/**
 * Returns a function that counts the timers that run, and were set after this call: not those that gather counts of rooms
 * for a second, also when the session has ended.
 */
export function watchTimers(): () => number {
  const timers = new Set<DeadlineTimer>();
  const { schedule } = TimerQueue.prototype;
  const { onChange } = RoomAnnouncements.prototype;
  let isAnnouncing = false;
  RoomAnnouncements.prototype.onChange = function (room) {
    isAnnouncing = true;
    onChange.call(this, room);
    isAnnouncing = false;
  };
  TimerQueue.prototype.schedule = function (timer) {
    if (!isAnnouncing) {
      timers.add(timer);
    }
    schedule.call(this, timer);
  };
  afterTest(() => {
    RoomAnnouncements.prototype.onChange = onChange;
    TimerQueue.prototype.schedule = schedule;
  });
  return () => [...timers].filter(({ index, checkAt }) => index !== NOT_QUEUED && Number.isFinite(checkAt)).length;
}
