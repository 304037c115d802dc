import type { INestApplication } from '@nestjs/common';
import { SockjsAdapter } from 'express-sockjs/nestjs';
import { UsersService } from './users/users.service';

/** Has gateways answer SockJS clients; sessions belong to users, which a provider of the application knows. */
export function useSockjs(app: INestApplication): void {
  const users = app.get(UsersService);
  app.useWebSocketAdapter(new SockjsAdapter(app, { authorize: (req) => users.of(req.headers.cookie) }));
}
