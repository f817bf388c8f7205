"""`make screenshots`: take the pictures, all or those that are named, and write them when every one of them is good."""

import argparse
import asyncio
import sys
from pathlib import Path

from infra.local.debian_tool import ToolMissing
from infra.local.failure import CannotStart
from infra.local.interrupt import Stopped, raise_on_signals
from infra.screenshots.scenes import SHOTS, Shot
from infra.screenshots.studio import Set, browsing, picture, running

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "screenshots"
MOST_BYTES = 150_000


def main() -> int:
    """Take them; 1 and a sentence where a page is missing, and nothing is written then."""
    parser = argparse.ArgumentParser(prog="make screenshots", description=__doc__)
    names = [shot.name for shot in SHOTS]
    parser.add_argument("names", nargs="*", choices=[[], *names], metavar="name", help=", ".join(names))
    words = parser.parse_args()
    raise_on_signals()
    wanted = [shot for shot in SHOTS if not words.names or shot.name in words.names]
    try:
        taken = asyncio.run(take(wanted))
    except (CannotStart, ToolMissing) as exc:
        print(exc, file=sys.stderr)
        return 1
    except Stopped:
        return 0
    FOLDER.mkdir(exist_ok=True)
    for name, content in taken.items():
        path = FOLDER / f"{name}.webp"
        path.write_bytes(content)
        print(
            f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}: {len(content):,} bytes"
        )
    return 0


async def take(shots: list[Shot]) -> dict[str, bytes]:
    """Each picture of a cluster that runs for all of them.

    Raises:
        CannotStart: a page is missing, or a picture is too large.
    """
    with running() as (cluster, pages, shop):
        async with browsing() as browser:
            place = Set(cluster, pages, shop, browser)
            return {shot.name: await play(shot, place) for shot in shots}


async def play(shot: Shot, place: Set) -> bytes:
    """One scene, and its picture.

    Raises:
        CannotStart: its page is missing, or the picture is too large.
    """
    page = await place.open(shot.page, shot.size, dark=shot.dark)
    await shot.scene(page, place)
    content = await picture(page)
    await page.context.close()
    if len(content) > MOST_BYTES:
        raise CannotStart(
            f"The picture {shot.name} has {len(content):,} bytes, and {MOST_BYTES:,} is the most."
        )
    return content


if __name__ == "__main__":
    sys.exit(main())
