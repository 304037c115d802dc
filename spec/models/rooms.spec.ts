/** Rooms beside lists of who is in them, and whom a broadcast reaches. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { SharedMessage } from '../../lib/protocol/shared-message.ts';
import { sendToAll } from '../../lib/session/broadcast.ts';
import { Rooms } from '../../lib/session/rooms.ts';
import { property, sequence } from '../support/property.ts';

const ROOMS = ['a', '', '__proto__'];
const MEMBERS = 4;

type Step =
  | readonly [name: 'enter' | 'leave', room: string, member: number]
  | readonly [name: 'send', room: string, except: readonly number[], isIterable: boolean]
  | readonly [name: 'refuse', member: number];

const ROOM = fc.constantFrom(...ROOMS);
const MEMBER = fc.nat(MEMBERS - 1);

const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(fc.constant('enter' as const), ROOM, MEMBER) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('leave' as const), ROOM, MEMBER) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constant('send' as const), ROOM, fc.array(MEMBER, { maxLength: 2 }), fc.boolean()),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant('refuse' as const), MEMBER) },
);

class Member {
  readonly session = this;
  readonly texts: string[] = [];
  accepts = true;

  sendShared({ text }: SharedMessage): boolean {
    if (this.accepts) {
      this.texts.push(text);
    }
    return this.accepts;
  }
}

describe('any use of rooms', () => {
  property('comes to what lists would give', 300, sequence(STEP, 40), (steps) => {
    const rooms = new Rooms<Member>();
    const members = Array.from({ length: MEMBERS }, () => new Member());
    const expected = members.map(() => [] as string[]);
    const inside = new Map(ROOMS.map((room) => [room, [] as number[]]));
    for (const [i, step] of steps.entries()) {
      const room = String(step[1]);
      const list = inside.get(room) ?? [];
      if (step[0] === 'send') {
        const [, , except, isIterable] = step;
        const others = except.map((member) => members[member]).filter((member) => member !== undefined);
        const left = isIterable ? except : except.slice(0, 1);
        const reached = list.filter((member) => !left.includes(member) && members[member]?.accepts);
        const count = sendToAll(rooms.in(room), String(i), { except: isIterable ? new Set(others) : others[0] });
        assert.equal(count, reached.length);
        for (const member of reached) {
          expected[member]?.push(String(i));
        }
      } else {
        const index = step[0] === 'refuse' ? step[1] : step[2];
        const member = members[index];
        assert.ok(member);
        if (step[0] === 'enter') {
          rooms.enter(room, member);
          inside.set(room, list.includes(index) ? list : [...list, index]);
        } else if (step[0] === 'leave') {
          rooms.leave(room, member);
          inside.set(
            room,
            list.filter((other) => other !== index),
          );
        } else {
          member.accepts = !member.accepts;
        }
      }
      for (const [name, indices] of inside) {
        assert.deepEqual(
          [...rooms.in(name)].map((member) => members.indexOf(member)),
          indices,
        );
      }
    }
    assert.deepEqual(
      members.map(({ texts }) => texts),
      expected,
    );
  });
});
