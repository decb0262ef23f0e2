-- What a gateway engineer writes in nginx: who is it, may it, is it within its limit, count it. Two ways.
-- The limit is a GCRA, which costs less than the gateway's exact ring and admits up to twice the limit in a second.
local redis = require "nginx.redis"
local sha256 = require "nginx.sha256"
local decision = {}

-- Key, state, end, domain, limit and usage in one round trip.
local script = [[
local key = redis.call('HMGET', KEYS[1], 'id', 'enabled', 'expires', 'domain', 'limit')
if not key[1] then return {401, '', 0} end
local time = redis.call('TIME')
local now = time[1] + time[2] / 1e6
local status, remaining = 200, 0
if key[2] ~= '1' or (tonumber(key[3]) > 0 and tonumber(key[3]) < now) or key[4] ~= ARGV[1] then
  status = 403
else
  local interval, place = 1 / key[5], 'l:' .. key[1]
  local arrival = tonumber(redis.call('GET', place) or 0)
  if arrival < now then arrival = now end
  if arrival - now > 1 then
    status = 429
  else
    arrival = arrival + interval
    redis.call('SET', place, string.format('%.6f', arrival), 'PX', 3000)
    remaining = math.floor((1 - (arrival - now)) / interval)
  end
end
redis.call('HINCRBY', 'u:' .. math.floor(time[1] / 60), key[1] .. ':' .. status, 1)
return {status, key[1], remaining}
]]
local loaded

local function digest()
  local key = ngx.var.http_x_api_key
  if not key then return ngx.exit(401) end
  local hash = sha256:new()
  hash:update(key)
  return hash:final()
end

local function host()
  return (ngx.var.http_origin or ""):match("^https?://([^/:]+)") or ""
end

local function pass(id, remaining)
  ngx.header["X-Key-Id"] = id
  ngx.header["RateLimit-Remaining"] = remaining
end

function decision.with_redis()
  local name = "k:" .. digest()
  local connection = redis:new()
  connection:set_timeout(1000)
  if not connection:connect("127.0.0.1", redis_port) then return ngx.exit(503) end
  loaded = loaded or connection:script("load", script)
  local answer, problem = connection:evalsha(loaded, 1, name, host())
  if not answer then
    ngx.log(ngx.ERR, problem)
    return ngx.exit(503)
  end
  connection:set_keepalive(60000, 128)
  if answer[1] ~= 200 then return ngx.exit(answer[1]) end
  pass(answer[2], answer[3])
end

-- Keys are read from Redis every 5 s; limits and counts never leave this machine's memory.
function decision.with_shared_memory()
  local name = "k:" .. digest()
  local record = ngx.shared.keys:get(name)
  if not record then
    local connection = redis:new()
    if not connection:connect("127.0.0.1", redis_port) then return ngx.exit(503) end
    local found = connection:hmget(name, "id", "enabled", "expires", "domain", "limit")
    connection:set_keepalive(60000, 128)
    if found[1] == ngx.null then return ngx.exit(401) end
    record = table.concat(found, ",")
    ngx.shared.keys:set(name, record, 5)
  end
  local id, enabled, expires, domain, limit = record:match("([^,]+),([^,]+),([^,]+),([^,]+),([^,]+)")
  local now = ngx.now()
  expires = tonumber(expires)
  if enabled ~= "1" or (expires > 0 and expires < now) or domain ~= host() then return ngx.exit(403) end
  local interval = 1 / limit
  local arrival = ngx.shared.limits:get(id) or 0
  if arrival < now then arrival = now end
  if arrival - now > 1 then
    ngx.shared.usage:incr(id .. ":429", 1, 0)
    return ngx.exit(429)
  end
  arrival = arrival + interval
  ngx.shared.limits:set(id, arrival, 60)
  ngx.shared.usage:incr(id .. ":200", 1, 0)
  pass(id, math.floor((1 - (arrival - now)) / interval))
end

return decision
