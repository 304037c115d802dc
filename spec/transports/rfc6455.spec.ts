/**
 * Sends every kind of frame, good and bad, to the raw WebSocket endpoint and to a plain ws server. Both must answer
 * with the same bytes, but for the intended differences in support/rfc6455/differences.ts.
 */
import { assertAgree } from '../support/rfc6455/agree.ts';
import type { CaseGroup } from '../support/rfc6455/case.ts';
import { CLOSING, LIMIT, LIMITS, TINY_LIMIT, TINY_LIMITS } from '../support/rfc6455/chapters/closing.ts';
import { OPCODES, PINGS, RESERVED_BITS } from '../support/rfc6455/chapters/control.ts';
import { AGREEMENTS, DEFLATE, DEFLATE_LIMITS, withoutUse } from '../support/rfc6455/chapters/deflate.ts';
import { OFFERED, OFFERS, SERVERS } from '../support/rfc6455/chapters/deflate-offers.ts';
import { ENGINES } from '../support/rfc6455/chapters/engines.ts';
import { FRAGMENTS } from '../support/rfc6455/chapters/fragments.ts';
import { FRAMING } from '../support/rfc6455/chapters/framing.ts';
import { HANDSHAKES } from '../support/rfc6455/chapters/handshakes.ts';
import { LEAVING } from '../support/rfc6455/chapters/leaving.ts';
import { MANY } from '../support/rfc6455/chapters/many.ts';
import { MASKING } from '../support/rfc6455/chapters/masks.ts';
import { UTF8 } from '../support/rfc6455/chapters/utf8.ts';
import { Pair, type PairOptions } from '../support/rfc6455/pair.ts';

function chapter(title: string, groups: readonly CaseGroup[], options: PairOptions = {}): void {
  describe(title, function () {
    // A case that hangs takes 10 s, and a group may have several.
    this.timeout(120_000);
    const pair = new Pair(options);
    before(() => pair.start());
    after(() => pair.stop());

    for (const { title: result, cases } of groups) {
      it(result, () => assertAgree(pair, cases));
    }
  });
}

describe('RFC 6455 on websocket-raw, compared with ws', () => {
  chapter('handshakes', HANDSHAKES);
  chapter('framing', FRAMING);
  chapter('pings and pongs', PINGS);
  chapter('reserved bits', RESERVED_BITS);
  chapter('opcodes', OPCODES);
  chapter('fragments', FRAGMENTS);
  chapter('UTF-8', UTF8);
  chapter('close', CLOSING);
  chapter('limits', LIMITS, { maxMessageSize: LIMIT });
  chapter('tiny limits', TINY_LIMITS, { maxMessageSize: TINY_LIMIT });
  chapter('many messages', MANY);
  chapter('masks', MASKING);
  chapter('clients that leave', LEAVING);
  chapter('clients that leave, over TLS', LEAVING, { tls: true });
  for (const [title, engine, groups] of ENGINES) {
    chapter(`websocketServer with ${title}`, groups, { engine });
  }

  const perMessageDeflate = true;
  chapter('permessage-deflate, offers', OFFERS, { engine: { perMessageDeflate } });
  for (const [title, options] of SERVERS) {
    chapter(`permessage-deflate with ${title}`, OFFERED, { engine: { perMessageDeflate: options } });
  }
  chapter('permessage-deflate', DEFLATE, { engine: { perMessageDeflate } });
  chapter('permessage-deflate, agreements', AGREEMENTS, { engine: { perMessageDeflate } });
  chapter('permessage-deflate, limits', DEFLATE_LIMITS, { engine: { perMessageDeflate }, maxMessageSize: LIMIT });
  for (const [title, groups] of [
    ['pings and pongs', PINGS],
    ['fragments', FRAGMENTS],
  ] as const) {
    chapter(`permessage-deflate, ${title}`, withoutUse(groups), { engine: { perMessageDeflate } });
  }
});
