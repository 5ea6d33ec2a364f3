-- Authenticates to Cloud Storage with the service account's access token, which fetch-secrets writes.

local TOKEN = '/run/artifact-edge/gcs_token'

local bearer, token_read = nil, 0

-- fetch-secrets renews the token each minute, so this script reads the file again after a second.
local function authorize()
  if ts.now() - token_read > 1 then
    local file = io.open(TOKEN)
    local token = file and file:read('*l')
    bearer, token_read = token and 'Bearer ' .. token, ts.now()
    if file then file:close() end
  end
  -- Only the request to the origin has the token, and not the logged request or the cached object.
  ts.server_request.header['Authorization'] = bearer
  return 0
end

function do_remap()
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, authorize)
  return 0
end
