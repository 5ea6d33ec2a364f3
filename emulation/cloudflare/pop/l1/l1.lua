-- Emulates the behaviour of Workers Cache that Traffic Server lacks. Traffic Server's tslua plugin runs these functions
-- for requests that match the first rule in remap.config. Sources: developers.cloudflare.com/workers/cache,
-- "Configuration" (bypass conditions, ranges, responses without Cache-Control, header precedence) and "Limitations";
-- cache/concepts/cache-responses (the values of CF-Cache-Status).

-- For how many seconds responses without Cache-Control and Expires stay fresh, by status.
local WITHOUT_LIFETIME = {
  [200] = 7200, [203] = 7200, [204] = 7200, [300] = 1200, [301] = 1200,
  [404] = 180, [405] = 60, [410] = 180, [414] = 60, [501] = 60,
}
-- The most bytes of a response that the cache stores: the limit of the Free plan ("Response size").
local LARGEST = 512 * 1024 * 1024
-- Headers that the cache obeys in place of Cache-Control. The cache obeys the first of them that a response has.
-- Clients get Cache-Control as the origin sent it, and never the first header.
local INSTEAD = { 'Cloudflare-CDN-Cache-Control', 'CDN-Cache-Control' }

-- Traffic Server 9.2 never answers when the origin replaces a stale copy by a version that lacks the range. A range of
-- a stale copy is therefore ignored.
local function ignore_range_of_stale_copy()
  if ts.http.get_cache_lookup_status() == TS_LUA_CACHE_LOOKUP_HIT_STALE then
    ts.client_request.header['Range'] = nil
  end
  return 0
end

local function request_whole_object()
  -- The cache requests whole objects from the origin, and answers requests for ranges from the stored object.
  ts.server_request.header['Range'] = nil
  return 0
end

-- Returns whether a cache may store the response to a request with Authorization (RFC 9111, section 3.5).
local function is_public(caching)
  return caching:find('public') ~= nil or caching:find('must-revalidate', 1, true) ~= nil
    or caching:find('s-maxage', 1, true) ~= nil
end

local function is_refused(status, header)
  local caching = (header['Cache-Control'] or ''):lower()
  return status == 206
    or (status >= 520 and status <= 526)
    or header['Set-Cookie'] ~= nil
    or header['Vary'] == '*'
    or caching:find('private') ~= nil
    or caching:find('no-store', 1, true) ~= nil
    or (ts.client_request.header['Authorization'] ~= nil and not is_public(caching))
end

-- Gives the cache its own Cache-Control, and keeps that of clients in an internal header.
local function choose_caching(header)
  for _, name in ipairs(INSTEAD) do
    if header[name] ~= nil then
      header['@Caching-Of-Clients'] = header['Cache-Control'] or ''
      header['Cache-Control'] = header[name]
      break
    end
  end
  header[INSTEAD[1]] = nil
end

local function read_origin_response()
  local status, header = ts.server_response.get_status(), ts.server_response.header
  ts.ctx.origin_status = status
  choose_caching(header)
  if header['Cache-Control'] == nil and header['Expires'] == nil and WITHOUT_LIFETIME[status] ~= nil then
    header['Cache-Control'] = 'max-age=' .. WITHOUT_LIFETIME[status]
    header['@Lifetime-Is-Default'] = '1' -- internal: Traffic Server sends no header whose name begins with @
  end
  ts.ctx.is_refused = is_refused(status, header)
  if ts.ctx.is_refused or (tonumber(header['Content-Length']) or 0) > LARGEST then
    ts.http.set_server_resp_no_store(1)
  end
  return 0
end

local function verdict()
  local found, origin = ts.http.get_cache_lookup_status(), ts.ctx.origin_status
  if ts.ctx.is_refused and origin < 500 then
    return 'BYPASS'
  elseif found == TS_LUA_CACHE_LOOKUP_MISS then
    return 'MISS'
  elseif found == TS_LUA_CACHE_LOOKUP_HIT_FRESH then
    -- If the object is still arriving and the requested range has not arrived yet, the request goes to the origin.
    return origin == nil and 'HIT' or 'MISS'
  elseif found ~= TS_LUA_CACHE_LOOKUP_HIT_STALE then
    return 'DYNAMIC'
  elseif origin == 304 then
    return 'REVALIDATED'
  end
  return origin == 200 and 'EXPIRED' or 'STALE'
end

local function answer()
  local header = ts.client_response.header
  header['CF-Cache-Status'] = verdict()
  header['Cache-Tag'] = nil
  if header['@Lifetime-Is-Default'] ~= nil then
    header['Cache-Control'] = nil
  end
  local caching = header['@Caching-Of-Clients']
  if caching ~= nil then
    header['Cache-Control'] = caching ~= '' and caching or nil
  end
  return 0
end

function do_remap()
  ts.hook(TS_LUA_HOOK_CACHE_LOOKUP_COMPLETE, ignore_range_of_stale_copy)
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, request_whole_object)
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, read_origin_response)
  ts.hook(TS_LUA_HOOK_SEND_RESPONSE_HDR, answer)
  return 0
end
