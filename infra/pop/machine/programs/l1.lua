-- The rules of L1 that Traffic Server's settings cannot state. Traffic Server's tslua plugin runs these functions for
-- each request. The rules are those of Workers Cache, for which the worker is written.

local BYTES_IN_MEMORY = 1048576

-- Traffic Server 9.2 never answers when the origin replaces a stale copy by a version that lacks the range. A range of
-- a stale copy is therefore ignored.
local function ignore_range_of_stale_copy()
  if ts.http.get_cache_lookup_status() == TS_LUA_CACHE_LOOKUP_HIT_STALE then
    ts.client_request.header['Range'] = nil
  end
  return 0
end

local function request_whole_object()
  -- L1 requests whole objects, and answers requests for ranges from the stored object.
  ts.server_request.header['Range'] = nil
  return 0
end

local function read_miss_response()
  ts.ctx.status = ts.server_response.get_status()
  local caching = (ts.server_response.header['Cache-Control'] or ''):lower()
  if caching:find('no-store', 1, true) ~= nil or caching:find('private', 1, true) ~= nil then
    ts.http.set_server_resp_no_store(1)
  end
  return 0
end

local function verdict()
  local found, status = ts.http.get_cache_lookup_status(), ts.ctx.status
  if found == TS_LUA_CACHE_LOOKUP_HIT_FRESH then
    -- While L1 still receives an object, a request for bytes that have not arrived goes to the origin.
    return status == nil and 'HIT' or 'MISS'
  elseif found ~= TS_LUA_CACHE_LOOKUP_HIT_STALE then
    return 'MISS'
  elseif status == 304 then
    return 'REVALIDATED'
  end
  return status == 200 and 'EXPIRED' or 'STALE'
end

-- Returns how many seconds NGINX may answer from its own memory. NGINX counts whole seconds, so 1 means up to 2 s, the
-- longest time that a purge may take to be seen.
local function seconds_in_memory(header)
  local never_changes = (header['Cache-Control'] or ''):find('immutable', 1, true) ~= nil
  local bytes = tonumber(header['Content-Length']) or math.huge
  local is_stored = header['X-L1'] == 'HIT' and ts.client_response.get_status() == 200
  return is_stored and never_changes and bytes <= BYTES_IN_MEMORY and '1' or '0'
end

local function answer()
  local header = ts.client_response.header
  header['X-L1'] = verdict()
  header['CF-Cache-Status'] = header['X-L1'] -- the worker reads this header of Workers Cache
  header['Cache-Tag'] = nil
  header['X-Accel-Expires'] = seconds_in_memory(header)
  if header['X-Artifact-Edge-Too-Large'] ~= nil and ts.client_request.header['X-Artifact-Edge-Front'] ~= nil then
    header['X-Accel-Redirect'] = '@worker' -- NGINX lets the worker stream an object that L1 does not store
  end
  return 0
end

function do_remap()
  ts.hook(TS_LUA_HOOK_CACHE_LOOKUP_COMPLETE, ignore_range_of_stale_copy)
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, request_whole_object)
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, read_miss_response)
  ts.hook(TS_LUA_HOOK_SEND_RESPONSE_HDR, answer)
  return 0
end
