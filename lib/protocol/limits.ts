/** Limits on what clients choose. Requests, sessions and the links between nodes are held to the same. */

/** Clients choose some eight characters. Ids of ended sessions stay in memory, so they must not be long. */
export const MAX_ID_LENGTH = 256;

/** Characters of a callback. */
export const MAX_CALLBACK_LENGTH = 128;

/** What a callback may be: nothing but names with dots between, so that it cannot be other script. */
export const DOTTED_NAMES = /^[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*$/;

/** Bytes of UTF-8 that a WebSocket close frame can carry beside the code (RFC 6455, section 5.5). */
export const MAX_REASON_BYTES = 123;

/** Characters of the name of a room. Names travel between the processes of a cluster, which keep them. */
export const MAX_ROOM_LENGTH = 1024;
