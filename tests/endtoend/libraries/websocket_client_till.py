"""TILL_URL=ws://… TILL_KEY=… python websocket_client_till.py

A till made with websocket-client, which blocks. It prints what it hears, a JSON object a line, acks each event, comes
back behind the last one when it was cut, and ends when it is refused. See README.md.
"""

import json
import os
import time

import websocket


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def main() -> None:
    last = None
    headers = [f"Authorization: Bearer {os.environ['TILL_KEY']}"]
    while True:
        url = os.environ["TILL_URL"] + (f"?after={last}" if last else "")
        try:
            socket = websocket.create_connection(url, header=headers)
            while text := socket.recv():
                message = json.loads(text)
                if message["type"] == "hello":
                    say(hello=message["after"])
                if "data" in message:
                    last = message["offset"]
                    say(event=last)
                    socket.send(json.dumps({"type": "ack", "offset": last}))
        except websocket.WebSocketBadStatusException as refused:
            if refused.status_code >= 400:
                say(refused=refused.status_code)
                return
        except (websocket.WebSocketException, OSError):
            pass
        time.sleep(0.2)


main()
