import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module';
import { useSockjs } from './sockjs';

async function bootstrap(): Promise<void> {
  const app = await NestFactory.create(AppModule);
  useSockjs(app);
  await app.listen(process.env.PORT ?? 3000);
}

void bootstrap();
