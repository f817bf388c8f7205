"""The exercises: practised for real, and judged by themselves. One module each, which has an `EXERCISE`."""

from drill.exercise import Exercise

ALL: tuple[Exercise, ...] = ()
EXERCISES = {each.name: each for each in ALL}
