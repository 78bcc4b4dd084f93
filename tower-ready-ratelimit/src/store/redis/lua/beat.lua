-- One instance says that it is there, or that it leaves, and learns how many are.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
if ARGV[2] == '0' then
  redis.call('ZREM', KEYS[1], ARGV[1])
else
  redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now - tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', 2 * tonumber(ARGV[3])))
return { redis.call('ZCARD', KEYS[1]) }
