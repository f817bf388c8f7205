"""The exercises: practised for real, and judged by themselves. One module each, which has an `EXERCISE`."""

from drill.exercise import Exercise
from drill.exercises import restore, rolling, rotation

ALL: tuple[Exercise, ...] = (restore.EXERCISE, rolling.EXERCISE, rotation.EXERCISE)
EXERCISES = {each.name: each for each in ALL}
