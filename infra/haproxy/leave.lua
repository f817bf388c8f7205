-- GET /leave on the administration port: answered when no terminal is left here, or after LB_LEAVE_SECONDS (100).
--
-- The configuration has marked by then that this process leaves: /healthz is 503, so that nothing new is sent here, and
-- each check of a gateway says so, which moves the terminals that came this way, a slot each. Without terminals it is
-- answered after LB_LEAVE_NOTICE_SECONDS (10), in which other balancers and Kubernetes notice.

local SECONDS = tonumber(os.getenv("LB_LEAVE_SECONDS")) or 100
local NOTICE = tonumber(os.getenv("LB_LEAVE_NOTICE_SECONDS")) or 10

local function left()
  return core.backends["gateway"]:get_stats()["scur"] or 0
end

core.register_service("leave", "http", function(applet)
  local began = core.now().sec
  local seconds = 0
  repeat
    core.msleep(250)
    seconds = core.now().sec - began
  until seconds >= SECONDS or (left() == 0 and seconds >= NOTICE)
  local text = '{"left":' .. left() .. ',"seconds":' .. seconds .. "}\n"
  applet:set_status(200)
  applet:add_header("content-type", "application/json")
  applet:add_header("content-length", #text)
  applet:start_response()
  applet:send(text)
end)
