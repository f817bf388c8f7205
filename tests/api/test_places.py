"""Places of a pool, and numbers that are counted: whatever is cancelled in between, none is lost and none is made."""

import asyncio
import random

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram

from backbone.runtime.metrics import adder, observer
from backbone.runtime.places import Places


@given(st.integers(1, 3), st.integers(0, 2**32), st.integers(1, 60))
async def test_no_more_hold_a_place_than_there_are_and_in_the_end_all_are_free(
    count: int, seed: int, steps: int
) -> None:
    chance = random.Random(seed)
    places = Places(count)
    held: list[int] = []
    came: list[int] = []
    ends = [asyncio.Event() for _ in range(steps)]

    async def one(number: int) -> None:
        await places.take()
        held.append(number)
        came.append(number)
        assert len(held) <= count
        try:
            await ends[number].wait()
        finally:
            held.remove(number)
            places.give_back()

    tasks: list[asyncio.Task[None]] = []
    for number in range(steps):
        tasks.append(asyncio.create_task(one(number)))
        for _ in range(chance.randrange(3)):
            task = chance.choice(tasks)
            if chance.random() < 0.5:
                # In the moment in which a place may be on its way to it.
                for holder in held[:1]:
                    ends[holder].set()
                    await asyncio.sleep(0)
                task.cancel()
            elif held:
                ends[chance.choice(held)].set()
            await asyncio.sleep(0)
    for end in ends:
        end.set()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert came == sorted(came)
    assert [places.take_now() for _ in range(count + 1)] == [True] * count + [False]


async def test_one_that_is_cancelled_as_it_gets_its_place_gives_it_to_the_next() -> None:
    places = Places(1)
    await places.take()
    first, second = (asyncio.create_task(places.take()) for _ in range(2))
    await asyncio.sleep(0)
    places.give_back()
    first.cancel()
    await second
    assert first.cancelled()
    assert not places.take_now()


@given(st.lists(st.floats(0, 20)), st.sampled_from([(1.0, 2.0, 5.0), (0.5,)]))
def test_what_is_counted_shortly_is_what_the_library_counts(
    values: list[float], bounds: tuple[float, ...]
) -> None:
    registries = CollectorRegistry(), CollectorRegistry()
    shortly, at_length = (
        (
            Counter("c", "c", ["label"], registry=registry).labels("x"),
            Histogram("h", "h", ["label"], buckets=bounds, registry=registry).labels("x"),
        )
        for registry in registries
    )
    add, observe = adder(shortly[0]), observer(shortly[1])
    for value in [*values, *bounds]:
        add(value)
        observe(value)
        at_length[0].inc(value)
        at_length[1].observe(value)

    def told(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
        return {
            (sample.name, sample.labels.get("le", "")): sample.value
            for metric in registry.collect()
            for sample in metric.samples
            if not sample.name.endswith("_created")
        }

    assert told(registries[0]) == told(registries[1])
