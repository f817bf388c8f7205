"""TILL_URL=ws://… TILL_KEY=… python aiohttp_till.py

A till made with aiohttp. It prints what it hears, a JSON object a line, acks each event, comes back behind the last one
when it was cut, and ends when it is refused. See README.md.
"""

import asyncio
import json
import os

import aiohttp


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def main() -> None:
    last = None
    headers = {"Authorization": f"Bearer {os.environ['TILL_KEY']}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        while True:
            url = os.environ["TILL_URL"] + (f"?after={last}" if last else "")
            try:
                async with session.ws_connect(url) as socket:
                    async for heard in socket:
                        message = json.loads(heard.data)
                        if message["type"] == "hello":
                            say(hello=message["after"])
                        if "data" in message:
                            last = message["offset"]
                            say(event=last)
                            await socket.send_json({"type": "ack", "offset": last})
            except aiohttp.WSServerHandshakeError as refused:
                if refused.status >= 400:
                    say(refused=refused.status)
                    return
            except (aiohttp.ClientError, OSError):
                pass
            await asyncio.sleep(0.2)


asyncio.run(main())
