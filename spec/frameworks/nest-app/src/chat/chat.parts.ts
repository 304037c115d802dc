import {
  type ArgumentsHost,
  type CallHandler,
  type CanActivate,
  Catch,
  type ExecutionContext,
  Injectable,
  type NestInterceptor,
  type PipeTransform,
} from '@nestjs/common';
import { BaseWsExceptionFilter, WsException } from '@nestjs/websockets';
import type { Session } from 'express-sockjs';
import { type Observable, tap } from 'rxjs';
import type { User } from '../users/users.service';
import { ChatLog } from './chat.log';

@Injectable()
export class NoGuests implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    return context.switchToWs().getClient<Session<User>>().data?.name !== 'guest';
  }
}

@Injectable()
export class TextPipe implements PipeTransform<unknown, string> {
  transform(value: unknown): string {
    if (typeof value !== 'string' || value.trim() === '') {
      throw new WsException('say something');
    }
    return value.trim();
  }
}

@Injectable()
export class LogInterceptor implements NestInterceptor {
  constructor(private readonly log: ChatLog) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const { data } = context.switchToWs().getClient<Session<User>>();
    return next.handle().pipe(tap(() => this.log.add(`${data?.name} spoke`)));
  }
}

@Catch(WsException)
export class LogFilter extends BaseWsExceptionFilter {
  constructor(private readonly log: ChatLog) {
    super({ includeCause: false });
  }

  override catch(exception: WsException, host: ArgumentsHost): void {
    this.log.add(`refused: ${exception.message}`);
    super.catch(exception, host);
  }
}
