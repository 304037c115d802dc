import { Module } from '@nestjs/common';
import { AppController } from './app.controller';
import { ChatModule } from './chat/chat.module';
import { UsersService } from './users/users.service';

@Module({ imports: [ChatModule], controllers: [AppController], providers: [UsersService] })
export class AppModule {}
