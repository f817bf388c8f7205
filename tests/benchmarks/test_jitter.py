"""Terminals on bad lines: the figures are those of their records, and with a real gateway nothing is lost."""

from benchmarks.fanout.disturbance import Disturbance
from benchmarks.jitter import Line, Till, judge, measure, table

CALM = Disturbance(steal=0.0, foreign=0.01, load_before=0.1, load_after=1.0)


async def test_terminals_whose_lines_are_cut_again_and_again_get_every_message_once_in_order() -> None:
    run = await measure(6, 2, 25, every_seconds=0.2, cut_seconds=1.5, offline_seconds=0.3)
    assert (run.delivered_percent, run.repeated, run.out_of_order) == (100.0, 0, 0)
    assert run.cuts >= 6
    assert run.returns > 0
    assert run.back_p99_ms >= run.replay_p50_ms > 0
    assert "100 %" in table(run)


def test_what_is_lost_repeated_or_out_of_order_is_counted() -> None:
    records = [["1-1", "1-2", "1-3", "1-4"], ["1-1", "1-2", "1-2", "1-4"], ["1-2", "1-1", "1-3", "1-4"]]
    tills = [Till(Line(0), "shop-0", "bw_term_x", record=record) for record in records]
    run = judge(tills, 1, 4, CALM)
    assert run.delivered_percent == 100 * 11 / 12
    assert (run.repeated, run.out_of_order) == (1, 1)
    assert "91.67 %" in table(run)
