-- The rings of limiter.py in Redis: several at once, each with all requests that wait for it in one process.
--
-- KEYS  one ring for each key and product.
-- ARGV  one string with two numbers of four bytes for each ring: its limit, and how many requests ask.
-- Returns such a string: how many of the requests may pass (or more than ask), and how many others asked in this calendar
-- second before them.
--
-- A ring is a string: three numbers of four bytes (admitted in the last second, calendar second, asked in it), then one
-- entry of two numbers for each time at which any were admitted, oldest first: the time and how many. Times are those of
-- Redis in microseconds, modulo 2^32, so that processes with different clocks agree.
local WINDOW, WRAP = 1000000, 4294967296
local HEAD, ENTRY = 12, 8
-- A ring lives for a window after its last use, and for another one in case the clock is set back by that much.
local LIFE_MS = 2100
-- Above this limit times are rounded up to so many microseconds, so that no ring has more than about 4,000 entries.
local FINE, GRAIN = 4000, 256

if #KEYS == 0 then return '' end
local pack, unpack_numbers = struct.pack, struct.unpack
local clock = redis.call('TIME')
local second = tonumber(clock[1])
local now = (second * 1000000 + tonumber(clock[2])) % WRAP
local rings = redis.call('MGET', unpack(KEYS))
local answer = {}
for i, name in ipairs(KEYS) do
  local limit, asked = unpack_numbers('<I4I4', ARGV[1], ENTRY * (i - 1) + 1)
  local ring, at = rings[i] or '', now
  local total, demand, newest = 0, 0, nil
  if #ring > HEAD then
    newest = unpack_numbers('<I4', ring, #ring - ENTRY + 1)
    local ahead = (newest - now) % WRAP
    if ahead <= WINDOW then
      at = newest -- the clock went back a little: time stands still until it is there again
    elseif ahead < WRAP / 2 then
      ring = '' -- it went back a lot: nobody is locked out until it is there again
    end
  end
  if #ring >= HEAD then
    local of
    total, of, demand = unpack_numbers('<I4I4I4', ring)
    if of ~= second then demand = 0 end
  end
  local first = HEAD + 1
  while first < #ring do
    local time, count = unpack_numbers('<I4I4', ring, first)
    if (at - time) % WRAP < WINDOW then break end
    total = total - count
    first = first + ENTRY
  end
  local entries = string.sub(ring, first)
  local room = math.max(0, limit - total)
  local admitted = math.min(room, asked)
  if admitted > 0 then
    if limit > FINE then at = math.ceil(at / GRAIN) * GRAIN % WRAP end
    local count = admitted
    if entries ~= '' and newest == at then
      count = count + unpack_numbers('<I4', entries, #entries - 3)
      entries = string.sub(entries, 1, -ENTRY - 1)
    end
    entries = entries .. pack('<I4I4', at, count)
  end
  redis.call('SET', name, pack('<I4I4I4', total + admitted, second, demand + asked) .. entries, 'PX', LIFE_MS)
  answer[i] = pack('<I4I4', room, demand)
end
return table.concat(answer)
