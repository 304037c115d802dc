/** The greeting at the path of an endpoint, which tells people that SockJS answers there. */
import type { Handler } from '../context.ts';
import { sendText } from '../http/respond.ts';

/** Answers with a line of text. */
export const greeting: Handler = ({ res }) => sendText(res, 200, 'Welcome to SockJS!\n');
