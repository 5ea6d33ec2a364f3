-- Takes off an origin's answer what is the origin's own: request ids, versions, encryption, server.

local PASSED_ON = {}
for name in ([[accept-ranges cache-control connection content-encoding content-length content-range content-type date etag
  last-modified transfer-encoding x-amz-meta-digest x-amz-meta-published x-amz-meta-revision]])
  :gmatch('%S+') do PASSED_ON[name] = true end

local function strip()
  local response = ts.server_response
  for name in pairs(response.get_headers()) do
    if not PASSED_ON[name:lower()] then response.header[name] = nil end
  end
  -- What an origin refuses or lacks is never stored, whatever it says: the next publish may bring it.
  if response.get_status() >= 400 then response.header['Cache-Control'] = 'no-store' end
  return 0
end

function do_remap()
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, strip)
  return 0
end
