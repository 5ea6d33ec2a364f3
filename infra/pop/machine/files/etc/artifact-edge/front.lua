-- Clients' requests on their way to the isolates: what Cloudflare's front says of them is said here, and nobody else may.
-- Traffic Server's tslua plugin runs this for the rule of remap.config that names it, with the PoP's place.

local PLACE

function __init__(arguments)
  PLACE = ('{"colo":"%s","continent":"%s","latitude":"%s","longitude":"%s"}'):format(
    arguments[1], arguments[2], arguments[3], arguments[4])
  return 0
end

function do_remap()
  local request = ts.client_request
  for name in pairs(request.get_headers()) do
    if name:lower():find('^cf%-') then request.header[name] = nil end
  end
  request.header['X-Pop-Place'] = PLACE
  -- Traffic Server would answer it itself.
  if request.get_method() == 'PURGE' then ts.http.set_resp(405, 'method not allowed\n') end
  return 0
end
