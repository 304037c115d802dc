import { SubscribeMessage, WebSocketGateway, type WsResponse } from '@nestjs/websockets';
import { map, type Observable, range } from 'rxjs';

/** A second path, with an option of its own, whose method answers by an Observable. */
@WebSocketGateway({ path: '/clock', heartbeatDelay: 10_000 })
export class ClockGateway {
  @SubscribeMessage('ticks')
  ticks(): Observable<WsResponse<number>> {
    return range(1, 3).pipe(map((data) => ({ event: 'tick', data })));
  }
}
