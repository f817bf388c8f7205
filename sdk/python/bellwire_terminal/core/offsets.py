"""A guess at how far away an offset is, for a person to look at. Pure.

Offsets are opaque: nothing but a progress bar stands on this.
"""


def distance(after: str, head: str) -> int | None:
    """How many events lie between two offsets, where that can be told."""
    epoch, dash, number = head.partition("-")
    begun, _, before = after.partition("-")
    if not dash or not number.isdigit():
        return None
    if after == "0":
        return int(number)
    return int(number) - int(before) if begun == epoch and before.isdigit() else None
