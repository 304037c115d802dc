import { Module } from '@nestjs/common';
import { ChatGateway } from './chat.gateway';
import { ChatLog } from './chat.log';
import { ClockGateway } from './clock.gateway';

@Module({ providers: [ChatGateway, ClockGateway, ChatLog] })
export class ChatModule {}
