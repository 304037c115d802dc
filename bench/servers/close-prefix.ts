/** What a message begins with that ends its session: the server sends it back and closes. Not on WebSockets. */
export const CLOSE_PREFIX = 'close:';
