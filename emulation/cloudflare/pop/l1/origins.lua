-- Marks the answer for an origin that does not accept the connection in time, for ../shields.js. Traffic Server answers
-- 502 as for an origin that refuses the connection, but only after its limit. The tslua plugin runs these functions for
-- requests that match the second rule in remap.config.

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
