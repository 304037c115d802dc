/**
 * The Lua scripts of the registry in Redis, which runs a script as one step and in one round trip.
 *
 * A script uses no key that it is not given, as Redis Cluster and proxies demand. So the leases of all nodes are fields
 * of one hash, with their ends in them. Ends are told by the clock of Redis, which all processes share.
 */
import { createHash } from 'node:crypto';

/** A script as `EVALSHA` and `EVAL` need it. */
export interface Script {
  readonly source: string;
  /** The SHA-1 of the source, by which Redis knows a script that it has run before. */
  readonly sha: string;
}

function script(...parts: readonly string[]): Script {
  const source = parts.map((part) => part.trim()).join('\n');
  return { source, sha: createHash('sha1').update(source).digest('hex') };
}

/** The commands that the user of a registry needs, as `ACL SETUSER` takes them; all but the first two run in scripts. */
export const RIGHTS = '+evalsha +eval +get +set +del +hget +hset +hdel +hgetall +pexpire +time +info';

/** ms after which the hash of a cluster that has gone is dropped. Each renewal sets it anew. */
const LIFE_OF_NODES = 86_400_000;

/** `now` in ms, and a function that takes a lease apart: when it ends, which call began it, the record. */
const LEASES = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function read(lease)
  local ends, began, record = string.match(lease or '', '^(%d+) (%S+) (.*)$')
  if ends and tonumber(ends) > now then
    return began, record
  end
end
`;

/**
 * A function that compares an entry with a mark: `free` where the mark may be written, `later` where it comes too late,
 * `taken` where another node or a tombstone is in the way.
 */
const MARKS = `
local function compare(entry, mark)
  if not entry or entry == mark then
    return 'free'
  end
  local node, number = string.match(entry, '^(.*):(%d+)$')
  local own, reservation = string.match(mark, '^(.*):(%d+)$')
  if node ~= own then
    return 'taken'
  end
  return tonumber(number) < tonumber(reservation) and 'free' or 'later'
end
`;

/**
 * KEYS: nodes. ARGV: node id, record, lease in ms, the name of this call.
 *
 * Returns the name of the call that began the lease, `INFO` (empty where the user of Redis may not ask for it), and the
 * records of the other nodes.
 */
export const RENEW = script(
  LEASES,
  `
local info = redis.pcall('INFO')
local start = ARGV[4]
local others = {}
local leases = redis.call('HGETALL', KEYS[1])
for i = 1, #leases, 2 do
  local began, record = read(leases[i + 1])
  if not began then
    redis.call('HDEL', KEYS[1], leases[i])
  elseif leases[i] == ARGV[1] then
    start = began
  else
    others[#others + 1] = record
  end
end
local ends = string.format('%.0f', now + ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], ends .. ' ' .. start .. ' ' .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ${LIFE_OF_NODES})
return {start, type(info) == 'string' and info or '', others}
`,
);

/** KEYS: nodes. ARGV: node id. */
export const REMOVE = script(`return redis.call('HDEL', KEYS[1], ARGV[1])`);

/** KEYS: nodes. ARGV: node id. Returns the record. */
export const NODE = script(
  LEASES,
  `
local began, record = read(redis.call('HGET', KEYS[1], ARGV[1]))
return record
`,
);

/**
 * Steps of sessions, one after the other. KEYS: the session of each. ARGV: for each its name, mark, tombstone and life in
 * ms; those that it does not need are empty. Returns the entry of each as it was found, but false for an id that is claimed
 * now, and the tombstone that was written.
 *
 * `find` is a step as well, because clients may send a plain GET to a replica.
 */
export const STEPS = script(
  MARKS,
  `
local entries = {}
for i = 1, #KEYS do
  local step, mark, tombstone, life = ARGV[4 * i - 3], ARGV[4 * i - 2], ARGV[4 * i - 1], ARGV[4 * i]
  local entry = redis.call('GET', KEYS[i])
  if step == 'claim' then
    if compare(entry, mark) == 'free' then
      redis.call('SET', KEYS[i], mark, 'PX', life)
      entry = false
    end
  elseif step ~= 'find' and entry == mark then
    if step == 'end' then
      redis.call('SET', KEYS[i], tombstone, 'PX', life)
      entry = tombstone
    else
      redis.call('DEL', KEYS[i])
    end
  end
  entries[i] = entry
end
return entries
`,
);

/** KEYS: session, nodes. ARGV: mark, tombstone, life in ms, the node that must be dead. Returns the entry. */
export const END_OF_DEAD = script(
  LEASES,
  `
local entry = redis.call('GET', KEYS[1])
if entry ~= ARGV[1] or read(redis.call('HGET', KEYS[2], ARGV[4])) then
  return entry
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return ARGV[2]
`,
);

/** KEYS: sessions. ARGV: life in ms, the mark of each. Returns the numbers of those that are taken, from 1 upwards. */
export const REASSERT = script(
  MARKS,
  `
local taken = {}
for i = 1, #KEYS do
  local mark = ARGV[i + 1]
  local relation = compare(redis.call('GET', KEYS[i]), mark)
  if relation == 'free' then
    redis.call('SET', KEYS[i], mark, 'PX', ARGV[1])
  elseif relation == 'taken' then
    taken[#taken + 1] = i
  end
end
return taken
`,
);
