-- Asks the gateway whether a request may pass: `http-request lua.latchkey`. The address of the gateway is in GATEWAY.
local gateway = os.getenv("GATEWAY") or "127.0.0.1:8001"
local patience_ms = 2000

-- What the gateway reads of a request; each as often as it came, so that two keys are seen to be two.
local passed_on = { "x-api-key", "authorization", "origin", "referer", "user-agent", "tracking-id", "x-forwarded-for" }
-- What a refusal tells its caller.
local told = {
	"content-type", "tracking-id", "www-authenticate", "retry-after", "cache-control", "access-control-allow-origin",
	"access-control-expose-headers", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset",
}
-- What is kept for the answer and the log of an allowed request.
local kept = {
	["tracking-id"] = "txn.latchkey_tracking_id",
	["x-latchkey-report"] = "txn.latchkey_report",
	["ratelimit-limit"] = "txn.latchkey_limit",
	["ratelimit-remaining"] = "txn.latchkey_remaining",
	["ratelimit-reset"] = "txn.latchkey_reset",
}
local not_ready = '{"type":"about:blank","title":"Service Unavailable","status":503,"code":"not_ready",'
	.. '"detail":"The key cannot be checked at the moment. Try again in a second."}'

local function first(headers, name)
	local values = headers[name]
	return values and values[0]
end

local function ask(txn)
	local received = txn.http:req_get_headers()
	local headers = { ["x-original-uri"] = { txn.f:pathq() } }
	for _, name in ipairs(passed_on) do
		local values = received[name]
		if values then
			headers[name] = {}
			for i = 0, #values do
				table.insert(headers[name], values[i])
			end
		end
	end
	headers["x-forwarded-for"] = headers["x-forwarded-for"] or {}
	table.insert(headers["x-forwarded-for"], txn.f:src())
	return core.httpclient():get({ url = "http://" .. gateway .. "/authorize", headers = headers, timeout = patience_ms })
end

local function refuse(txn, answer)
	local reply = txn:reply()
	if answer and first(answer.headers, "tracking-id") then
		reply:set_status(answer.status, answer.reason)
		for _, name in ipairs(told) do
			local value = first(answer.headers, name)
			if value then
				reply:add_header(name, value)
			end
		end
		reply:set_body(answer.body)
	else -- nobody is there, or somebody else
		reply:set_status(503, "Service Unavailable")
		reply:add_header("content-type", "application/problem+json")
		reply:add_header("retry-after", "1")
		reply:set_body(not_ready)
	end
	txn:done(reply)
end

core.register_action("latchkey", { "http-req" }, function(txn)
	local is_answered, answer = pcall(ask, txn)
	if not is_answered or not answer or answer.status ~= 200 or not first(answer.headers, "x-latchkey-key-id") then
		return refuse(txn, is_answered and answer or nil)
	end
	for name, variable in pairs(kept) do
		txn:set_var(variable, first(answer.headers, name))
	end
	for _, name in ipairs({ "x-latchkey-key-id", "x-latchkey-organization-id", "x-latchkey-product", "tracking-id" }) do
		txn.http:req_set_header(name, first(answer.headers, name))
	end
	-- The address as it was, without the key.
	txn.http:req_set_uri(first(answer.headers, "x-latchkey-uri"))
end)
