/** The page at the mount itself, which says that a SockJS server is here. */

import type { Handler } from '../context.ts';
import { sendText } from '../http/respond.ts';

export const greeting: Handler = ({ res }) => sendText(res, 200, 'Welcome to SockJS!\n');
