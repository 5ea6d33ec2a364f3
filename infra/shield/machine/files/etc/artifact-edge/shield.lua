-- What a shield decides about each request: Traffic Server's tslua plugin runs it for the rule in remap.config.
-- Only the edge is let in (its key; its certificate was asked for at the handshake). Origins are asked in order, each
-- with a request signed by AWS Signature Version 4:
-- https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
-- s3_auth.so cannot do it: it reads 511 bytes a line, and the session token of an instance role is longer.

local SECRETS = '/run/artifact-edge/'
local EDGE_PORT = 8443
local EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

local function set(names)
  local members = {}
  for name in names:gmatch('%S+') do members[name] = true end
  return members
end

local METHODS = set 'GET HEAD PURGE'
local FROM_EDGE = set 'host range if-none-match if-modified-since'
local FROM_ORIGIN = set [[accept-ranges cache-control content-encoding content-length content-range content-type
  date etag last-modified transfer-encoding x-amz-meta-digest]]
local ELSEWHERE = { [403] = true, [404] = true, [500] = true, [502] = true, [503] = true, [504] = true }

local origins = {}
local secrets, secrets_read = {}, 0

function __init__(arguments)
  for line in io.lines(arguments[1]) do
    local url, host, region = line:match('^(https?://(%S+)) (%S+)$')
    origins[#origins + 1] = { url = url, host = host, region = region }
  end
end

-- Secrets change while the machine runs; looking again each second needs no reload.
local function secret(name)
  if ts.now() - secrets_read > 1 then secrets, secrets_read = {}, ts.now() end
  if not secrets[name] then
    local file = assert(io.open(SECRETS .. name))
    secrets[name] = file:read('*a'):gsub('%s+$', '')
    file:close()
  end
  return secrets[name]
end

local function hex(bytes)
  return (bytes:gsub('.', function(byte) return ('%02x'):format(byte:byte()) end))
end

-- One spelling a key: the cache's key, the wire and the signature are the same bytes.
local function canonical(path)
  local key = path:gsub('%%(%x%x)', function(code) return string.char(tonumber(code, 16)) end)
  return (key:gsub('[^%w%-._~/]', function(byte) return ('%%%02X'):format(byte:byte()) end))
end

local function keep_only(headers, names)
  for name in pairs(headers.get_headers()) do
    if not names[name:lower()] then headers.header[name] = nil end
  end
end

local function refuse(status, reason)
  ts.ctx.refused = true
  ts.http.set_resp(status, reason .. '\n')
end

local function sign(request, path, origin)
  local credentials = {}
  for name, value in secret('s3_credentials'):gmatch('(%w+)=(%S+)') do credentials[name] = value end
  local time = os.date('!%Y%m%dT%H%M%SZ')
  local day = time:sub(1, 8)
  local scope = day .. '/' .. origin.region .. '/s3/aws4_request'
  local signed = { { 'host', origin.host }, { 'x-amz-content-sha256', EMPTY_SHA256 }, { 'x-amz-date', time } }
  if credentials.token then signed[4] = { 'x-amz-security-token', credentials.token } end

  local lines, names = {}, {}
  for index, header in ipairs(signed) do
    request.header[header[1]] = header[2]
    lines[index], names[index] = header[1] .. ':' .. header[2] .. '\n', header[1]
  end
  names = table.concat(names, ';')
  local digest = ts.sha256(table.concat({ request.get_method(), path, '', table.concat(lines), names, EMPTY_SHA256 }, '\n'))

  local key = hex('AWS4' .. credentials.secret)
  for _, part in ipairs { day, origin.region, 's3', 'aws4_request' } do key = ts.hmac_sha256(key, part) end
  local signature = ts.hmac_sha256(key, table.concat({ 'AWS4-HMAC-SHA256', time, scope, digest }, '\n'))
  request.header['Authorization'] = ('AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s'):format(
    credentials.access, scope, names, signature)
end

local function ask_origin()
  local request = ts.server_request
  request.header['Range'] = nil  -- the whole object is stored; the client's range is cut from it
  sign(request, ts.ctx.path, origins[ts.ctx.attempt])
  return 0
end

-- A replica that lags says 403 or 404: the next origin is asked before that is believed.
local function hear_origin()
  local status = ts.server_response.get_status()
  ts.ctx.origin_status = status
  if (not status or ELSEWHERE[status]) and ts.ctx.attempt < #origins then
    ts.ctx.attempt = ts.ctx.attempt + 1
    ts.http.redirect_url_set(origins[ts.ctx.attempt].url .. ts.ctx.path)
  elseif status then
    keep_only(ts.server_response, FROM_ORIGIN)
  end
  return 0
end

local function verdict()
  local lookup, heard = ts.http.get_cache_lookup_status(), ts.ctx.origin_status
  if lookup == TS_LUA_CACHE_LOOKUP_HIT_FRESH then return 'shield; hit' end
  if lookup ~= TS_LUA_CACHE_LOOKUP_HIT_STALE or heard == 200 then return 'origin; miss' end
  return heard == 304 and 'shield; hit' or 'shield; stale'
end

local function answer()
  local response = ts.client_response
  response.header['Server-Timing'] = ('shield;dur=%d'):format((ts.now() - ts.ctx.started) * 1000)
  if not ts.ctx.refused and response.get_status() < 400 then response.header['X-Cache'] = verdict() end
  return 0
end

local function admit()
  local request = ts.client_request
  local key = request.header['X-Artifact-Edge-Key'] or ''
  keep_only(request, FROM_EDGE)
  if request.client_addr.get_incoming_port() ~= EDGE_PORT then return refuse(404, 'not found') end
  -- Digests are compared, so that time tells nothing about the key.
  if ts.sha256(key) ~= ts.sha256(secret('origin_key')) then return refuse(403, 'not from the edge') end
  if not METHODS[request.get_method()] then return refuse(405, 'method not allowed') end

  ts.ctx.attempt, ts.ctx.path = 1, canonical(request.get_uri())
  request.set_uri(ts.ctx.path)
  request.set_uri_args('')
  ts.http.config_int_set(TS_LUA_CONFIG_HTTP_NUMBER_OF_REDIRECTIONS, #origins - 1)
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, ask_origin)
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, hear_origin)
end

function do_remap()
  ts.ctx.started = ts.now()
  ts.hook(TS_LUA_HOOK_SEND_RESPONSE_HDR, answer)
  -- An error in here would let the request pass: refuse instead.
  local admitted, problem = pcall(admit)
  if not admitted then
    ts.error('shield.lua: ' .. tostring(problem))
    refuse(500, 'shield is not configured')
  end
  return 0
end
