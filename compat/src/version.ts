/** Defined by the build. */
declare const SOCKJS_COMPAT_VERSION: string;

/** The version of this package. */
export const VERSION = SOCKJS_COMPAT_VERSION;
