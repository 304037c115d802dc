/**
 * Sends every kind of frame, good and bad, to the raw WebSocket endpoint and to a plain ws server. Both must answer
 * with the same bytes, but for the intended differences in support/rfc6455/differences.ts.
 */

import { CLOSING, LIMIT, LIMITS, TINY_LIMIT, TINY_LIMITS } from '../../../support/rfc6455/cases/closing.ts';
import { OPCODES, PINGS, RESERVED_BITS } from '../../../support/rfc6455/cases/control.ts';
import { AGREEMENTS, DEFLATE, DEFLATE_LIMITS, withoutUse } from '../../../support/rfc6455/cases/deflate.ts';
import { OFFERED, OFFERS, SERVERS } from '../../../support/rfc6455/cases/deflate-offers.ts';
import { ENGINES } from '../../../support/rfc6455/cases/engines.ts';
import { FRAGMENTS } from '../../../support/rfc6455/cases/fragments.ts';
import { FRAMING } from '../../../support/rfc6455/cases/framing.ts';
import { HALF_CLOSES } from '../../../support/rfc6455/cases/half-close.ts';
import { HANDSHAKES } from '../../../support/rfc6455/cases/handshakes.ts';
import { MANY_MESSAGES } from '../../../support/rfc6455/cases/many-messages.ts';
import { MASKING } from '../../../support/rfc6455/cases/masks.ts';
import { UTF8 } from '../../../support/rfc6455/cases/utf8.ts';
import { assertSameAsWs } from '../../../support/rfc6455/compare.ts';
import type { CaseGroup } from '../../../support/rfc6455/frame-case.ts';
import { ServerPair, type ServerPairOptions } from '../../../support/rfc6455/server-pair.ts';

function section(title: string, groups: readonly CaseGroup[], options: ServerPairOptions = {}): void {
  describe(title, function () {
    // A case that hangs takes 10 s, and a group may have several.
    this.timeout(120_000);
    const pair = new ServerPair(options);
    before(() => pair.start());
    after(() => pair.stop());

    for (const { title: result, cases } of groups) {
      it(result, () => assertSameAsWs(pair, cases));
    }
  });
}

describe('RFC 6455 on websocket-raw, compared with ws', () => {
  section('handshakes', HANDSHAKES);
  section('framing', FRAMING);
  section('pings and pongs', PINGS);
  section('reserved bits', RESERVED_BITS);
  section('opcodes', OPCODES);
  section('fragments', FRAGMENTS);
  section('UTF-8', UTF8);
  section('close', CLOSING);
  section('limits', LIMITS, { maxMessageSize: LIMIT });
  section('tiny limits', TINY_LIMITS, { maxMessageSize: TINY_LIMIT });
  section('many messages', MANY_MESSAGES);
  section('masks', MASKING);
  section('clients that leave', HALF_CLOSES);
  section('clients that leave, over TLS', HALF_CLOSES, { tls: true });
  for (const [title, engine, groups] of ENGINES) {
    section(`websocketServer with ${title}`, groups, { engine });
  }

  const perMessageDeflate = true;
  section('permessage-deflate, offers', OFFERS, { engine: { perMessageDeflate } });
  for (const [title, options] of SERVERS) {
    section(`permessage-deflate with ${title}`, OFFERED, { engine: { perMessageDeflate: options } });
  }
  section('permessage-deflate', DEFLATE, { engine: { perMessageDeflate } });
  section('permessage-deflate, agreements', AGREEMENTS, { engine: { perMessageDeflate } });
  section('permessage-deflate, limits', DEFLATE_LIMITS, { engine: { perMessageDeflate }, maxMessageSize: LIMIT });
  for (const [title, groups] of [
    ['pings and pongs', PINGS],
    ['fragments', FRAGMENTS],
  ] as const) {
    section(`permessage-deflate, ${title}`, withoutUse(groups), { engine: { perMessageDeflate } });
  }
});
