-- Says to Cloud Storage who this machine is: the access token of its service account, which fetch-secrets brings.

local TOKEN = '/run/artifact-edge/gcs_token'

local bearer, token_read = nil, 0

-- A token lives for an hour and a fresh one is brought each minute; looking again each second needs no reload.
local function authorize()
  if ts.now() - token_read > 1 then
    local file = io.open(TOKEN)
    local token = file and file:read('*l')
    bearer, token_read = token and 'Bearer ' .. token, ts.now()
    if file then file:close() end
  end
  -- On the request to the origin alone: the one that is looked up in the cache, and logged, never has it.
  ts.server_request.header['Authorization'] = bearer
  return 0
end

function do_remap()
  ts.hook(TS_LUA_HOOK_SEND_REQUEST_HDR, authorize)
  return 0
end
