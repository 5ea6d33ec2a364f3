-- Adds a header to the response if an origin does not accept the connection in time, so that ../shields.js can answer
-- 522. Traffic Server answers 502 also if an origin refuses the connection, but then without a delay. The tslua plugin
-- runs these functions for requests that match the second rule in remap.config.

local LIMIT = @CONNECT_SECONDS@

local function remember_connection()
  ts.ctx.is_connected = true
  return 0
end

local function mark_unreachable()
  local is_late = ts.now() - ts.ctx.started >= LIMIT
  if is_late and not ts.ctx.is_connected then
    ts.client_response.header['X-Emulation-Unreachable'] = '1'
  end
  return 0
end

function do_remap()
  ts.ctx.started = ts.now()
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, remember_connection)
  ts.hook(TS_LUA_HOOK_SEND_RESPONSE_HDR, mark_unreachable)
  return 0
end
