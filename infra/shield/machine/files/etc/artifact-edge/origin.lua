-- Takes off an origin's answer what is the origin's own: request ids, versions, encryption, server. Above, all origins are
-- alike: Cloud Storage's metadata gets the names of S3's.

local PASSED_ON = {}
for name in ([[accept-ranges cache-control connection content-encoding content-length content-range content-type date etag
  last-modified transfer-encoding x-amz-meta-digest x-amz-meta-published x-amz-meta-revision]])
  :gmatch('%S+') do PASSED_ON[name] = true end

local function strip()
  local response = ts.server_response
  for name, value in pairs(response.get_headers()) do
    local entry = name:lower():match('^x%-goog%-meta%-(.+)')
    if entry then response.header['x-amz-meta-' .. entry] = value end
  end
  for name in pairs(response.get_headers()) do
    if not PASSED_ON[name:lower()] then response.header[name] = nil end
  end
  -- What an origin refuses or lacks is never stored, whatever it says: the next publish may bring it.
  -- 401 is about this machine's token and none of the client's business; 502 has the next origin asked.
  if response.get_status() == 401 then response.set_status(502) end
  if response.get_status() >= 400 then response.header['Cache-Control'] = 'no-store' end
  return 0
end

function do_remap()
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, strip)
  return 0
end
