-- A renewed certificate is taken over within LB_CERT_SECONDS (10), and no connection notices.
--
-- The file LB_CERT is read again and again; when it has changed it is handed to this very process over its own
-- administration socket, as `set ssl cert` and `commit ssl cert` by hand would. A pair that does not fit, as in the
-- moment between the writing of its two files, is refused there: the one before stays, and this is tried again.
-- HAProxy's own CertCache.set would do, but names its fields differently from version to version.

local SECONDS = tonumber(os.getenv("LB_CERT_SECONDS")) or 10
local name = os.getenv("LB_CERT")

local function read(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

-- As HAProxy itself looks for it: the key is in the same file, or beside tls.crt in tls.key.
local function pair()
  local certificate = read(name)
  if not certificate then return nil end
  local key = name:match("%.crt$") and read((name:gsub("%.crt$", ".key"))) or ""
  -- An empty line ends what the socket takes.
  return ((certificate .. "\n" .. key):gsub("\r", ""):gsub("\n\n+", "\n"):gsub("^\n", ""))
end

local function ask(words)
  local link = core.tcp()
  link:settimeout(5)
  local connected, reason = link:connect("unix@" .. os.getenv("LB_SOCKET"))
  if not connected then return "no connection: " .. tostring(reason) end
  link:send(words)
  local all, _, part = link:receive("*a")
  link:close()
  return all or part or ""
end

local function take(text)
  local answer = ask("set ssl cert " .. name .. " <<\n" .. text .. "\n")
  if answer:find("Transaction", 1, true) then
    answer = ask("commit ssl cert " .. name .. "\n")
    if answer:find("Success", 1, true) then return nil end
    ask("abort ssl cert " .. name .. "\n")
  end
  return answer
end

local current = pair()

core.register_task(function()
  local refused
  while true do
    core.msleep(SECONDS * 1000)
    local found = pair()
    if found and found ~= current then
      local failure = take(found)
      if not failure then
        current, refused = found, nil
        core.log(core.notice, '{"event":"certificate.renewed"}')
      elseif found ~= refused then
        -- Once for each content, and the answer holds no part of it.
        refused = found
        core.log(core.err, '{"event":"certificate.refused","reason":"' .. failure:gsub("[^%w ./:_-]", " ") .. '"}')
      end
    end
  end
end)
