/** The part of sockjs-client, which comes without types, that specs use. */
declare module 'sockjs-client' {
  export interface SockJSOptions {
    readonly transports?: string | readonly string[];
    /** The least ms that a transport is given to open. */
    readonly timeout?: number;
  }

  export interface SockJSCloseEvent {
    readonly code: number;
    readonly reason: string;
    readonly wasClean: boolean;
  }

  export default class SockJS {
    constructor(url: string, protocols?: null, options?: SockJSOptions);
    readonly url: string;
    readonly readyState: number;
    readonly transport: string | null;
    onopen: (() => void) | null;
    onmessage: ((event: { readonly data: string }) => void) | null;
    onheartbeat: (() => void) | null;
    onclose: ((event: SockJSCloseEvent) => void) | null;
    send(message: string): void;
    close(code?: number, reason?: string): void;
  }
}
