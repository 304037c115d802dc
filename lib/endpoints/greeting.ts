/** The page at the mount itself, which says that a SockJS server is here. */
import { sendText } from '../http/respond.ts';
import type { Handler } from '../mount.ts';

export const greeting: Handler = ({ res }) => sendText(res, 200, 'Welcome to SockJS!\n');
