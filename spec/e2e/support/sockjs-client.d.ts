/** Types for the parts of sockjs-client that the specs use. It comes without types. */
declare module 'sockjs-client' {
  export interface SockJSOptions {
    readonly transports?: string | readonly string[];
    /** ms in which a transport must open, at least. */
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
