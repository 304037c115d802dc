import { UseFilters, UseGuards, UseInterceptors } from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  type WsResponse,
} from '@nestjs/websockets';
import type { Session, SockjsRouter } from 'express-sockjs';
import type { User } from '../users/users.service';
import { ChatLog } from './chat.log';
import { LogFilter, LogInterceptor, NoGuests, TextPipe } from './chat.parts';

@UseFilters(LogFilter)
@WebSocketGateway({ path: '/chat' })
export class ChatGateway implements OnGatewayConnection, OnGatewayDisconnect {
  @WebSocketServer()
  private readonly server!: SockjsRouter<User>;

  constructor(private readonly log: ChatLog) {}

  handleConnection(session: Session<User>): void {
    this.log.add(`${session.data?.name} came`);
  }

  handleDisconnect(session: Session<User>): void {
    this.log.add(`${session.data?.name} went`);
  }

  @SubscribeMessage('join')
  join(@ConnectedSocket() session: Session<User>, @MessageBody(TextPipe) room: string): WsResponse<number> {
    session.join(room);
    return { event: 'joined', data: this.server.to(room).count() };
  }

  @UseGuards(NoGuests)
  @UseInterceptors(LogInterceptor)
  @SubscribeMessage('say')
  async say(
    @ConnectedSocket() session: Session<User>,
    @MessageBody('room', TextPipe) room: string,
    @MessageBody('text', TextPipe) text: string,
  ): Promise<WsResponse<number>> {
    const message = JSON.stringify({ event: 'said', data: { by: session.data?.name, text } });
    return { event: 'sent', data: this.server.to(room).send(message, { except: session }) };
  }
}
