#!/bin/sh
# A till of curl and jq: it waits for events by long polling, prints each on a line, and misses none.
#
#     BELLWIRE_URL=http://127.0.0.1:8080 BELLWIRE_TENANT=kitchen BELLWIRE_KEY=bw_term_… sh examples/till.sh
#
# Where it is stands in ./till.offset (TILL_OFFSET names another file): written when the events of a page are handled, and
# acked after that. A crash in between brings that page again. A key that is no good ends it with 1.
set -u
umask 077
offset=${TILL_OFFSET:-till.offset}
here=$(mktemp -d) && trap 'rm -rf "$here"' EXIT && trap 'exit 0' INT TERM
api=$BELLWIRE_URL/api/tenant/$BELLWIRE_TENANT
# In a file: every user of this machine may read a command's words.
printf 'Authorization: Bearer %s\n' "$BELLWIRE_KEY" >"$here/key"
unset BELLWIRE_KEY

handle() { # Standard input has the page's events, oldest first. Put your own work here.
  jq -r '.events[] | [.offset, .type, .data.orderNumber // "", .data.customerName // ""] | join(" ")'
}

ask() { # Prints the status; "000" where there was no answer. The answer is in $here/answer.
  curl -sS --connect-timeout 10 --max-time 45 -H "@$here/key" -D "$here/head" -o "$here/answer" -w '%{http_code}' "$@"
}

back() { # Come back after Retry-After, or after a pause that grows: at random below 2, 4, 8 … 30 s.
  told=$(sed -n 's/^[Rr]etry-[Aa]fter: *\([0-9]\{1,3\}\).*/\1/p' "$here/head" 2>/dev/null)
  pause=$(awk -v told="${told:-}" -v failures="$failures" 'BEGIN { srand(); most = 2 * 2 ^ failures
    print told == "" ? rand() * (most < 30 ? most : 30) : told + rand() * 2 }')
  [ -n "$told" ] || failures=$((failures < 5 ? failures + 1 : 5))
  echo "status $status; back in $pause s" >&2
  sleep "$pause"
}

failures=0
begun=
while :; do
  rm -f "$here/head"
  # What is handled is acked first. An ack is cumulative, and one that is refused as such (422) will never be taken.
  if [ -s "$here/ack" ]; then
    status=$(ask -H 'Content-Type: application/json' -d "@$here/ack" "$api/acks")
    case $status in
    204 | 422) rm "$here/ack" ;;
    401 | 403 | 404) ;; # The next request is answered likewise.
    *) back && continue ;;
    esac
  fi
  after=$(cat "$offset" 2>/dev/null || echo acked)
  status=$(ask --get -d limit=100 -d wait=30 --data-urlencode "after=$after" "$api/events")
  case $status in
  200) failures=0 ;;
  400 | 401 | 403 | 404 | 422)
    jq -r '"refused: \(.status) \(.detail)"' "$here/answer" >&2
    exit 1
    ;;
  *) back && continue ;;
  esac
  # What lies before reset.to cannot be had any more: GET …/orders has those that are open.
  jq -r 'select(.reset) | "reset to \(.reset.to): \(.reset.reason)"' "$here/answer" >&2
  handle <"$here/answer" || exit 1
  jq -r .offset "$here/answer" >"$offset.new" && mv "$offset.new" "$offset" || exit 1
  # The first page is acked in any case: a crash may have come between the file and the ack.
  if [ -z "$begun" ] || jq -e '.events != []' "$here/answer" >/dev/null; then
    jq '{offset, reading}' "$here/answer" >"$here/ack"
  fi
  begun=yes
done
