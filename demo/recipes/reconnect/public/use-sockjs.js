/** A hook for React 18 and newer: a connection that comes back by itself, for as long as the component is mounted. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { Connection } from './connection.js';

/**
 * The handlers may be other functions at each rendering. Another URL is another connection.
 *
 * @param {string} url of the endpoint
 * @param {Omit<import('./connection.js').Settings, 'onStatus'>} [settings] those that are no handlers count when the
 *   connection is made
 * @returns {{ status: import('./connection.js').Status, send: (text: string) => boolean }} `send` stays the same function
 */
export function useSockjs(url, settings = {}) {
  const [status, setStatus] = useState(/** @type {import('./connection.js').Status} */ ('connecting'));
  const connection = useRef(/** @type {Connection | undefined} */ (undefined));
  const latest = useRef(settings);
  useEffect(() => {
    latest.current = settings;
  });
  useEffect(() => {
    const opened = new Connection(url, {
      ...latest.current,
      onMessage: (data) => latest.current.onMessage?.(data),
      onLost: () => latest.current.onLost?.(),
      onStatus: setStatus,
    });
    connection.current = opened;
    return () => opened.close();
  }, [url]);
  const send = useCallback((/** @type {string} */ text) => connection.current?.send(text) ?? false, []);
  return { status, send };
}
