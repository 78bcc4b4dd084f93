-- Takes from every bucket, for as many of ARGV[1] equal requests as all buckets have enough for.
--
-- A bucket is the moment at which it is full again: microseconds, and if it falls between two of
-- them "microseconds ticks ticks-per-microsecond". All arithmetic is on whole numbers below 2^53.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local passed = tonumber(ARGV[1])
local stored = redis.call('MGET', (unpack or table.unpack)(KEYS))
local missing, buckets = {}, {}
for i = 1, #KEYS do
  local at = 2 + (i - 1) * 5
  local cost, tolerance, per_micro = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local deepest, floor = tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  local left = 0
  if stored[i] then
    local micros, part, den = tonumber(stored[i]), 0, 1
    if not micros then
      micros, part, den = string.match(stored[i], '^(%d+) (%d+) (%d+)$')
      micros, part, den = tonumber(micros), tonumber(part), tonumber(den)
    end
    -- Ticks of another quota are rounded up.
    if den ~= per_micro and part > 0 then micros, part = micros + 1, 0 end
    left = math.max(0, (micros - now) * per_micro + part)
  end
  -- A debt to a quota that was swapped is cut off, and that is kept: cut off anew each time, it would
  -- stay as deep as it was.
  -- Where none was swapped it is 2^51, and a debt of more ticks than that is only told so.
  local is_cut = left > deepest and deepest < 2251799813685248
  left = math.max(math.min(left, deepest), floor)
  if cost > 0 then
    passed = math.min(passed, math.max(0, math.floor((tolerance - left) / cost)))
  elseif left > tolerance then
    passed = 0
  end
  missing[i] = left
  buckets[i] = { cost, per_micro, is_cut }
end
local reply = { passed }
for i = 1, #KEYS do
  local cost, per_micro, is_cut = buckets[i][1], buckets[i][2], buckets[i][3]
  local left = missing[i] + passed * cost
  reply[i + 1] = left
  if is_cut or (passed > 0 and cost > 0) then
    local micros = math.floor(left / per_micro)
    local part = left - micros * per_micro
    local value = string.format('%.0f', now + micros)
    if part > 0 then value = value .. string.format(' %.0f %.0f', part, per_micro) end
    redis.call('SET', KEYS[i], value, 'PX', string.format('%.0f', math.floor(micros / 1000) + 1))
  end
end
return reply
