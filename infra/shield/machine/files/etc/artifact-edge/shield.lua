-- Admits requests of the edge to the cache, with few of their headers, and adds X-Cache to responses. Traffic Server's
-- tslua plugin runs this script for the first rule in remap.config. The TLS handshake has checked the certificate.

local KEY = '/run/artifact-edge/origin_key'
local EDGE_PORT = 8443
-- The id of an install, or `prefetch`. Only the access log gets this header.
local INSTALL = 'X-Artifact-Edge-Install'
-- The length in bytes of the longest key of an object on S3 and Cloud Storage, behind '/objects/'.
local LONGEST_PATH = #'/objects/' + 1024
-- The length in bytes of the longest If-None-Match that reaches an origin. An ETag of an origin is much shorter.
local LONGEST_VALIDATOR = 1024

local function set(names)
  local members = {}
  for name in names:gmatch('%S+') do members[name] = true end
  return members
end

local METHODS = set 'GET HEAD PURGE'
-- Traffic Server needs the last three headers unchanged, because they delimit messages on the connection.
local FROM_EDGE = set 'host range if-none-match if-modified-since connection content-length transfer-encoding'

local key_digest, key_read = nil, 0

-- The origin key can change while the machine runs, so this script reads the file again after a second.
local function expected_digest()
  if ts.now() - key_read > 1 then
    local file = assert(io.open(KEY))
    key_digest, key_read = ts.sha256(file:read('*l')), ts.now()
    file:close()
  end
  return key_digest
end

-- Returns the path with one encoding of each byte, so that an object has one cache key and one signature.
local function canonical(path)
  local key = path:gsub('%%(%x%x)', function(code) return string.char(tonumber(code, 16)) end)
  return (key:gsub('[^%w%-._~/]', function(byte) return ('%%%02X'):format(byte:byte()) end))
end

-- Traffic Server 9.2 never answers when the origin replaces a stale copy by a version that lacks the range. The edge
-- therefore gets the whole object instead of a range of a stale copy.
local function ignore_range_of_stale_copy()
  if ts.http.get_cache_lookup_status() == TS_LUA_CACHE_LOOKUP_HIT_STALE then ts.client_request.header['Range'] = nil end
  return 0
end

local function adapt_request_to_origin()
  local header = ts.server_request.header
  -- On a miss, the shield fetches the whole object and answers with the range. If the object is still arriving and the
  -- range has not arrived yet (a fresh hit), the request goes to the origin unchanged.
  if ts.http.get_cache_lookup_status() ~= TS_LUA_CACHE_LOOKUP_HIT_FRESH then header['Range'] = nil end
  -- After a miss, Traffic Server sends on the validators of HEAD. S3 answers 400 to more than 8,192 bytes of headers,
  -- which counts as a failure of the origin (origin.lua).
  if #(header['If-None-Match'] or '') > LONGEST_VALIDATOR then header['If-None-Match'] = nil end
  header[INSTALL] = nil
  return 0
end

local function read_origin_status()
  ts.ctx.origin_status = ts.server_response.get_status()
  return 0
end

local function verdict()
  local lookup, status = ts.http.get_cache_lookup_status(), ts.ctx.origin_status
  if status == 200 or status == 206 then return 'origin; miss' end
  if lookup == TS_LUA_CACHE_LOOKUP_HIT_FRESH then return 'shield; hit' end
  if lookup ~= TS_LUA_CACHE_LOOKUP_HIT_STALE then return 'origin; miss' end
  return status == 304 and 'shield; hit' or 'shield; stale'
end

local function answer()
  local response = ts.client_response
  response.header['Server-Timing'] = ('shield;dur=%d'):format((ts.now() - ts.ctx.started) * 1000)
  if ts.ctx.admitted and response.get_status() < 400 then response.header['X-Cache'] = verdict() end
  return 0
end

local function refuse(status, reason)
  ts.http.set_resp(status, reason .. '\n')
end

local function admit()
  local request = ts.client_request
  local key, install = request.header['X-Artifact-Edge-Key'] or '', request.header[INSTALL]
  for name in pairs(request.get_headers()) do
    if not FROM_EDGE[name:lower()] then request.header[name] = nil end
  end
  if request.client_addr.get_incoming_port() ~= EDGE_PORT then return refuse(404, 'not found') end
  -- The time to compare digests reveals nothing about the key.
  if ts.sha256(key) ~= expected_digest() then return refuse(403, 'not from the edge') end
  if not METHODS[request.get_method()] then return refuse(405, 'method not allowed') end
  if request.header['Transfer-Encoding'] or (request.header['Content-Length'] or '0') ~= '0' then
    return refuse(400, 'a body is not allowed')
  end
  local uri = canonical(request.get_uri())
  -- For a path without an object key, the origin would list the bucket.
  if uri:sub(-1) == '/' or uri == '' then return refuse(404, 'no object') end
  -- An origin would answer 400, which counts as a failure of the origin (origin.lua).
  if #uri:gsub('%%..', '.') > LONGEST_PATH then return refuse(404, 'no object') end
  if install == 'prefetch' or (install and #install == 32 and install:match('^%x+$')) then
    request.header[INSTALL] = install
  end
  request.set_uri(uri)
  request.set_uri_args('')
  ts.ctx.admitted = true
  ts.hook(TS_LUA_HOOK_CACHE_LOOKUP_COMPLETE, ignore_range_of_stale_copy)
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, adapt_request_to_origin)
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, read_origin_status)
end

function do_remap()
  ts.ctx.started = ts.now()
  ts.hook(TS_LUA_HOOK_SEND_RESPONSE_HDR, answer)
  -- Without pcall, Traffic Server would forward the request after an error in admit().
  local ran, problem = pcall(admit)
  if not ran then
    ts.error('shield.lua: ' .. tostring(problem))
    ts.ctx.admitted = false
    refuse(500, 'shield is not configured')
  end
  return 0
end
