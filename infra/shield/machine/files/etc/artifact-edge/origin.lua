-- Removes the headers that are specific to an origin from its response: request ids, versions, encryption, server.
-- Renames Cloud Storage's metadata to S3's names, so that all origins look the same.

local PASSED_ON = {}
for name in ([[accept-ranges cache-control connection content-encoding content-length content-range content-type date
  etag last-modified transfer-encoding x-amz-meta-digest x-amz-meta-next x-amz-meta-published x-amz-meta-revision]])
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
  -- Errors are never stored, because the next publish may add the object. 400 (S3) and 401 (Cloud Storage) mean that
  -- the origin refuses this machine's credentials: shield.lua admits no request that an origin refuses as malformed.
  -- After 502, the cache tries the next origin.
  local status = response.get_status()
  if status == 400 or status == 401 then response.set_status(502) end
  if status >= 400 then response.header['Cache-Control'] = 'no-store' end
  return 0
end

function do_remap()
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, strip)
  return 0
end
