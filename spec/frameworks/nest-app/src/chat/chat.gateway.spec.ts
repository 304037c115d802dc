import { Test } from '@nestjs/testing';
import { ChatGateway } from './chat.gateway';
import { ChatLog } from './chat.log';

describe('ChatGateway', () => {
  it('logs who comes and goes', async () => {
    const module = await Test.createTestingModule({ providers: [ChatGateway, ChatLog] }).compile();
    const gateway = module.get(ChatGateway);
    const session = { data: { name: 'ann' } } as never;
    gateway.handleConnection(session);
    gateway.handleDisconnect(session);
    expect(module.get(ChatLog).lines).toEqual(['ann came', 'ann went']);
  });
});
