-- Signs what goes to one origin bucket with AWS Signature Version 4, and takes off its answer what is the origin's own:
-- https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
-- s3_auth.so cannot do it: it reads 511 bytes a line, and the session token of an instance role is longer.

local CREDENTIALS = '/run/artifact-edge/s3_credentials'
local EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

local PASSED_ON = {}
for name in ([[accept-ranges cache-control connection content-encoding content-length content-range content-type date etag
  last-modified transfer-encoding x-amz-meta-digest]]):gmatch('%S+') do PASSED_ON[name] = true end

local region

function __init__(arguments)
  region = arguments[1]
end

local function credentials()
  local found = {}
  for line in io.lines(CREDENTIALS) do
    local name, value = line:match('^(%w+)=(%S+)$')
    found[name] = value
  end
  return found
end

local function hex(bytes)
  return (bytes:gsub('.', function(byte) return ('%02x'):format(byte:byte()) end))
end

local function authorization(request, secret, headers, time)
  local lines, names = {}, {}
  for index, header in ipairs(headers) do
    lines[index], names[index] = header[1] .. ':' .. header[2] .. '\n', header[1]
  end
  local signed = table.concat(names, ';')
  local canonical = { request.get_method(), request.get_uri(), '', table.concat(lines), signed, EMPTY_SHA256 }

  local day, key = time:sub(1, 8), hex('AWS4' .. secret.secret)
  for _, part in ipairs { day, region, 's3', 'aws4_request' } do key = ts.hmac_sha256(key, part) end
  local scope = table.concat({ day, region, 's3', 'aws4_request' }, '/')
  local text = table.concat({ 'AWS4-HMAC-SHA256', time, scope, ts.sha256(table.concat(canonical, '\n')) }, '\n')
  return ('AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s'):format(
    secret.access, scope, signed, ts.hmac_sha256(key, text))
end

local function sign()
  local request, secret, time = ts.server_request, credentials(), os.date('!%Y%m%dT%H%M%SZ')
  local headers = { { 'host', request.header['Host'] }, { 'x-amz-content-sha256', EMPTY_SHA256 }, { 'x-amz-date', time } }
  if secret.token then headers[4] = { 'x-amz-security-token', secret.token } end
  for _, header in ipairs(headers) do request.header[header[1]] = header[2] end
  request.header['Authorization'] = authorization(request, secret, headers, time)
  return 0
end

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
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, sign)
  ts.hook(TS_LUA_HOOK_READ_RESPONSE_HDR, strip)
  return 0
end
