"""A terminal gets, with any network and any servers, the exact run or an honest reset."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from backbone.contract.erasure import Erasure
from backbone.contract.event import Event
from backbone.contract.offset import BEGINNING, Offset
from gateway.core.tenant_log import TenantLog
from tests.gateway.faulty import NewestForkOnly, NoEpochCheck, NoGapCheck, RingIgnoresItsStart
from tests.gateway.world import Database, Gateway, Stream, Till, judge

NUMBER = st.integers(min_value=0, max_value=10_000)


class LogMachine(RuleBasedStateMachine):
    """Two gateways, three terminals, one database, one Redis. Ends with everything healed, then judges."""

    heads_are_checked = True
    make_log: Callable[[Gateway, int], TenantLog] | None = None

    def __init__(self) -> None:
        super().__init__()
        self.database = Database()
        self.stream = Stream()
        self.gateways = [self.new_gateway(4), self.new_gateway(2)]
        self.tills = [Till(), Till(), Till()]
        self.network: list[tuple[int, Event]] = []
        for till in self.tills:
            self.gateways[0].connect(till, None)

    def new_gateway(self, ring: int) -> Gateway:
        gateway = Gateway(self.database, self.stream, ring)
        if self.make_log is not None:
            gateway.log = self.make_log(gateway, ring)
        return gateway

    @invariant()
    def a_head_that_is_compared_is_what_is_held_or_nothing(self) -> None:
        # Of a faulty log the machine is to see what comes of it, at the terminals.
        for gateway in self.gateways if self.make_log is None else ():
            assert gateway.log.head_to_compare in (gateway.log.head, BEGINNING)

    @invariant()
    def a_head_that_is_another_one_now_says_that_it_moved(self) -> None:
        for gateway in self.gateways if self.make_log is None else ():
            if gateway.log.moved:
                gateway.log.moved = False
                gateway.told = gateway.log.head_to_compare
            assert gateway.told == gateway.log.head_to_compare

    @rule(cached=st.booleans(), count=st.integers(1, 3))
    def commit(self, cached: bool, count: int) -> None:
        for _ in range(count):
            event = self.database.commit()
            if cached:
                self.stream.add(event)
            self.network += [(0, event), (1, event)]

    @precondition(lambda self: self.network)
    @rule(number=NUMBER)
    def a_message_arrives_in_any_order(self, number: int) -> None:
        to, event = self.network.pop(number % len(self.network))
        self.gateways[to].hear(event)

    @precondition(lambda self: self.network)
    @rule()
    def the_next_message_arrives(self) -> None:
        to, event = self.network.pop(0)
        self.gateways[to].hear(event)

    @precondition(lambda self: self.network)
    @rule(number=NUMBER)
    def a_message_is_lost(self, number: int) -> None:
        self.network.pop(number % len(self.network))

    @precondition(lambda self: self.network)
    @rule(number=NUMBER)
    def a_message_comes_twice(self, number: int) -> None:
        self.network.append(self.network[number % len(self.network)])

    @rule(which=st.integers(0, 1))
    def a_gap_is_healed(self, which: int) -> None:
        self.gateways[which].heal()

    @rule(which=st.integers(0, 1))
    def heads_are_compared(self, which: int) -> None:
        if self.heads_are_checked:
            self.gateways[which].check_head()

    @rule(count=st.integers(1, 3))
    def redis_trims(self, count: int) -> None:
        del self.stream.entries[:count]

    @rule()
    def redis_is_flushed(self) -> None:
        self.stream.entries.clear()

    @rule(count=st.integers(1, 2))
    def history_expires(self, count: int) -> None:
        self.database.expire(count)

    @rule(lost=st.integers(0, 3), commits=st.integers(0, 3))
    def the_database_fails_over(self, lost: int, commits: int) -> None:
        # Redis kept what the lost commits had put there: the pods of the new primary publish to the same stream.
        self.database.fail_over(lost)
        for _ in range(commits):
            event = self.database.commit()
            self.stream.add(event)
            self.network += [(0, event), (1, event)]

    @rule(lost=st.integers(1, 2), between=st.integers(2, 3))
    def the_database_fails_over_twice(self, lost: int, between: int) -> None:
        # Rare by chance, and the case in which the newest fork alone would mislead.
        self.the_database_fails_over(lost=lost, commits=between)
        self.the_database_fails_over(lost=0, commits=0)

    @rule(which=st.integers(0, 1))
    def a_dead_primary_is_still_heard(self, which: int) -> None:
        ghosts = [self.database.commit(), self.database.commit()]
        self.database.fail_over(2)
        self.gateways[which].check_head()
        self.gateways[which].heal()
        for ghost in ghosts:
            self.gateways[which].hear(ghost)

    @rule(which=st.integers(0, 1))
    def a_message_overtakes_another(self, which: int) -> None:
        self.database.commit()
        self.gateways[which].hear(self.database.commit())

    @rule(which=st.integers(0, 1), ago=st.integers(0, 3), ahead=st.integers(0, 3))
    def a_customer_is_forgotten(self, which: int, ago: int, ahead: int) -> None:
        log = self.gateways[which].log
        log.forget(Erasure(log.erased.times + 1, max(0, log.head_seq - ago + ahead)))

    @rule(which=st.integers(0, 2))
    def a_terminal_goes_away(self, which: int) -> None:
        till = self.tills[which]
        if till.gateway is not None:
            till.gateway.disconnect(till)

    @rule(which=st.integers(0, 2), to=st.integers(0, 1))
    def a_terminal_comes_back(self, which: int, to: int) -> None:
        till = self.tills[which]
        if till.gateway is None:
            self.gateways[to].connect(till, till.cursor)

    @rule(which=st.integers(0, 2), to=st.integers(0, 1))
    def a_terminal_starts_from_the_beginning(self, which: int, to: int) -> None:
        till = self.tills[which]
        if till.gateway is None:
            self.gateways[to].connect(till, BEGINNING)

    @rule(which=st.integers(0, 2))
    def the_replayer_turns(self, which: int) -> None:
        till = self.tills[which]
        if till.gateway is not None:
            till.gateway.replay(till)

    @rule(which=st.integers(0, 2))
    def a_socket_turns_slow(self, which: int) -> None:
        till = self.tills[which]
        if till.gateway is not None and till.live:
            till.position, till.live = till.gateway.log.head_seq, False

    @rule(which=st.integers(0, 1), ring=st.integers(1, 4))
    def a_gateway_is_replaced(self, which: int, ring: int) -> None:
        for till in tuple(self.gateways[which].tills):
            self.gateways[which].disconnect(till)
        self.gateways[which] = self.new_gateway(ring)

    def teardown(self) -> None:
        for till in self.tills:
            if till.gateway is None:
                self.gateways[0].connect(till, till.cursor)
        for gateway in self.gateways:
            if self.heads_are_checked:
                gateway.check_head()
            gateway.heal()
            for till in tuple(gateway.tills):
                gateway.replay(till)
                judge(till, self.database)


def run(machine: type[LogMachine], examples: int, *, shrink: bool = True) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
            database=None,
            print_blob=False,
            report_multiple_bugs=False,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
        ),
    )


def test_whatever_happens_a_terminal_holds_the_exact_run_or_was_told() -> None:
    run(LogMachine, 500)


# The machine is worth something only if it finds faults that are there.


@pytest.mark.parametrize("faulty", [NoGapCheck, NoEpochCheck, NewestForkOnly, RingIgnoresItsStart])
def test_a_planted_fault_in_the_log_is_found(faulty: type[TenantLog]) -> None:
    def make_log(gateway: Gateway, ring: int) -> TenantLog:
        database = gateway.database
        return faulty(database.head, database.floor, dict(database.forks), max_events=ring)

    machine = type("FaultyMachine", (LogMachine,), {"make_log": staticmethod(make_log)})
    with pytest.raises(AssertionError):
        run(machine, 2000, shrink=False)


def test_a_log_that_is_behind_asks_for_its_head_in_any_case_a_rumour_too() -> None:
    log = TenantLog(Offset(1, 3), Offset(1, 0))
    assert log.head_to_compare == Offset(1, 3)
    log.learn(Offset(1, 5))
    assert log.head_to_compare == BEGINNING
    log.moved = False
    log.confirm(Offset(1, 3))
    assert log.head_to_compare == Offset(1, 3)
    assert log.moved


def test_without_the_head_check_a_lost_last_message_is_found_missing() -> None:
    machine = type("NoHeadCheck", (LogMachine,), {"heads_are_checked": False})
    with pytest.raises(AssertionError):
        run(machine, 2000, shrink=False)
