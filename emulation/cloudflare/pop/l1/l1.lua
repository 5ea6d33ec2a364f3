-- What Cloudflare's cache does and Traffic Server does not by itself: the verdict in CF-Cache-Status, whole objects for
-- cold ranges, and no refusal of the origin kept. Traffic Server's tslua plugin runs it for the rule in remap.config.

-- Traffic Server 9.2 never answers when the origin replaces a stale copy by a version that lacks the range. A range of a
-- stale copy is therefore ignored.
local function ignore_range_of_stale_copy()
  if ts.http.get_cache_lookup_status() == TS_LUA_CACHE_LOOKUP_HIT_STALE then
    ts.client_request.header['Range'] = nil
  end
  return 0
end

local function ask_origin()
  -- Whoever fills the cache asks for the whole object, and the range is cut from it. A range that lies ahead of a fill
  -- under way (a hit that comes here all the same) is passed on as it is.
  if ts.http.get_cache_lookup_status() ~= TS_LUA_CACHE_LOOKUP_HIT_FRESH then
    ts.server_request.header['Range'] = nil
  end
  return 0
end

local function hear_origin()
  ts.ctx.origin_status = ts.server_response.get_status()
  if ts.ctx.origin_status >= 400 then
    ts.server_response.header['Cache-Control'] = 'no-store'
  end
  return 0
end

-- The words are those of developers.cloudflare.com/cache/concepts/cache-responses.
local function verdict()
  local found, origin = ts.http.get_cache_lookup_status(), ts.ctx.origin_status
  if found == TS_LUA_CACHE_LOOKUP_MISS or origin == 206 then
    return 'MISS'
  elseif found == TS_LUA_CACHE_LOOKUP_HIT_FRESH then
    return 'HIT'
  elseif found ~= TS_LUA_CACHE_LOOKUP_HIT_STALE then
    return 'DYNAMIC'
  elseif origin == 304 then
    return 'REVALIDATED'
  end
  return origin == 200 and 'EXPIRED' or 'STALE'
end

local function answer()
  ts.client_response.header['CF-Cache-Status'] = verdict()
  return 0
end

function do_remap()
  ts.hook(TS_LUA_HOOK_CACHE_LOOKUP_COMPLETE, ignore_range_of_stale_copy)
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, ask_origin)
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, hear_origin)
  ts.hook(TS_LUA_HOOK_SEND_RESPONSE_HDR, answer)
  return 0
end
