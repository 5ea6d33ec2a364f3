-- Marks the responses that Traffic Server makes itself, because an origin does not answer. ../shields.js turns them into
-- the errors that Cloudflare has for failures of origins. The tslua plugin runs these functions for requests that match
-- the second rule in remap.config. Source: fundamentals/reference/connection-limits.

local LIMIT = @CONNECT_SECONDS@

local function remember_connection()
  ts.ctx.is_connected = true
  return 0
end

-- Traffic Server also calls this hook when the origin closes the connection without a response. The status is 0 then.
local function remember_answer()
  ts.ctx.is_answered = ts.server_response.get_status() >= 100
  return 0
end

local function mark_failure()
  if ts.ctx.is_answered then
    return 0
  end
  local failure = 'unknown'
  if not ts.ctx.is_connected and ts.now() - ts.ctx.started >= LIMIT then
    failure = '522'
  elseif ts.ctx.is_connected and ts.client_response.get_status() == 504 then
    failure = '524'
  end
  ts.client_response.header['X-Emulation-Failure'] = failure
  return 0
end

function do_remap()
  ts.ctx.started = ts.now()
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, remember_connection)
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, remember_answer)
  ts.hook(TS_LUA_HOOK_SEND_RESPONSE_HDR, mark_failure)
  return 0
end
