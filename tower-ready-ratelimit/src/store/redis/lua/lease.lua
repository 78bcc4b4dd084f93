-- Takes from a bucket that instances lease from, and leases to one of them.
--
-- The field "full" is the moment at which the bucket is full again, as in take.lua. Every other
-- field is what one instance holds: "sequence units expiry". Whatever is held is missing from the
-- bucket, and the bucket never refills beyond what it holds and what is leased from it.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local node, sequence = ARGV[1], tonumber(ARGV[2])
local held, returned, want = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local ahead, soon, lag, nodes = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local step, tolerance, per_micro = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12])
local deepest, floor, life = tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])

local left, leased, lapsed, lapse, mine, last = 0, 0, 0, 0, nil, 0
local holders = 1
local latest = now + life
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  if fields[i] == 'full' then
    local micros, part, den = tonumber(fields[i + 1]), 0, 1
    if not micros then
      micros, part, den = string.match(fields[i + 1], '^(%d+) (%d+) (%d+)$')
      micros, part, den = tonumber(micros), tonumber(part), tonumber(den)
    end
    if den ~= per_micro and part > 0 then micros, part = micros + 1, 0 end
    left = math.max(0, (micros - now) * per_micro + part)
  else
    local number, units, expiry = string.match(fields[i + 1], '^(%d+) (%d+) (%d+)$')
    number, units, expiry = tonumber(number), tonumber(units), tonumber(expiry)
    if expiry <= now then
      lapsed, lapse = lapsed + units, math.max(lapse, expiry)
      redis.call('HDEL', KEYS[1], fields[i])
    else
      leased, latest = leased + units, math.max(latest, expiry)
      if fields[i] == node then mine, last = units, number else holders = holders + 1 end
    end
  end
end
left = math.max(math.min(left, deepest), floor)
-- What lapsed kept the bucket from refilling until it did; what is out still does.
if lapsed > 0 then left = math.max(left, (lapse - now) * per_micro + (lapsed + leased) * step) end
left = math.max(left, leased * step)

-- A copy of an old message, or one that was overtaken, changes nothing.
if mine and sequence <= last then return { 0, 0, 0, left } end

local kept, back = 0, 0
if mine then
  kept = math.min(held, mine)
  back = math.min(returned, mine - kept)
end
left = math.max(0, left - back * step)
local room = math.max(0, math.floor((tolerance - left) / step))
local now_granted = math.min(want, room)
room = room - now_granted
-- What was spent and is not reported yet keeps the bucket from refilling when it lacks nothing else.
-- So instances hold together no more than it lacks besides, or than a lag is allowed to cost. And near
-- exhaustion each holds what it spends before it asks again, and leaves as much to the others.
local lacks = math.floor((left - (leased - (mine or 0) + kept) * step) / step)
local share = math.min(math.floor(room / (2 * nodes)), math.floor(math.max(lacks, lag) / holders) - kept)
local ahead_granted = math.max(0, math.min(ahead, math.max(share, math.min(math.floor(room / 2), soon - kept))))
local granted = now_granted + ahead_granted
left = left + granted * step
-- What callers wait for is spent when it arrives. Of a part of that it is not known.
local units = kept + ahead_granted
if now_granted < want then units = units + now_granted end

local micros = math.floor(left / per_micro)
local part = left - micros * per_micro
local value = string.format('%.0f', now + micros)
if part > 0 then value = value .. string.format(' %.0f %.0f', part, per_micro) end
local record = string.format('%.0f %.0f %.0f', sequence, units, now + life)
redis.call('HSET', KEYS[1], 'full', value, node, record)
local expiry = math.floor(math.max(micros, latest - now) / 1000) + 1
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', expiry))
return { 1, kept, granted, left }
