-- Looks at a bucket, charges it, puts units back, or makes it full. The bucket is a string or, if it is leased
-- from, the field "full" of a hash.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local leased, change = ARGV[1] == '1', ARGV[2]
local cost, deepest, per_micro = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local stored
if leased then stored = redis.call('HGET', KEYS[1], 'full') else stored = redis.call('GET', KEYS[1]) end
local left = 0
if stored then
  local micros, part, den = tonumber(stored), 0, 1
  if not micros then
    micros, part, den = string.match(stored, '^(%d+) (%d+) (%d+)$')
    micros, part, den = tonumber(micros), tonumber(part), tonumber(den)
  end
  if den ~= per_micro and part > 0 then micros, part = micros + 1, 0 end
  left = math.max(0, (micros - now) * per_micro + part)
end
if change == 'peek' then return { left } end
if change == 'charge' then
  left = math.max(left, math.min(left + cost, deepest))
elseif change == 'refund' then
  left = math.max(0, left - cost)
else
  left = 0
end
local micros = math.floor(left / per_micro)
local part = left - micros * per_micro
local value = string.format('%.0f', now + micros)
if part > 0 then value = value .. string.format(' %.0f %.0f', part, per_micro) end
local life = math.floor(micros / 1000) + 1
if leased then
  redis.call('HSET', KEYS[1], 'full', value)
  life = math.max(life, redis.call('PTTL', KEYS[1]))
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life))
elseif left > 0 then
  redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', life))
else
  redis.call('DEL', KEYS[1])
end
return { left }
