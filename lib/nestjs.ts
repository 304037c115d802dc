/** The public surface of express-sockjs/nestjs. It imports no package of Nest. */

export type { Answers, MessageHandler, Transform } from './nestjs/gateway-messages.ts';
export {
  type NestApplication,
  SockjsAdapter,
  type SockjsAdapterOptions,
  type SockjsGatewayOptions,
} from './nestjs/sockjs-adapter.ts';
