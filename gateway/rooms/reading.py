"""One connection's reading: what it was given and what its terminal acked, as the database is to know it.

Positions are of `epoch`. Knows no socket, no room and no clock: `now` comes in. Pure.
"""

from uuid import UUID

from backbone.contract.offset import Offset
from backbone.eventlog.readings import Progress

UNWRITTEN = -1


class Reading:
    """A connection's current stretch, and those before a reset that are not written yet.

    `said` is up to where the terminal acked it, never more than was sent by then; an ack counts for the stretches
    before, too, as far as they came: one socket, in order.
    """

    __slots__ = ("_began", "_code", "_ended_at", "_prior", "_said", "_said_at", "_sent", "_stretch", "_written",
                 "epoch", "id")  # fmt: skip

    def __init__(self, id_: UUID, start: Offset) -> None:
        self.id = id_
        self.epoch = start.epoch
        self._stretch = 0
        self._began = start.seq
        self._said: int | None = None
        self._said_at = 0.0
        self._prior: list[tuple[int, int, int]] = []
        self._written = start.seq
        # Once it is over, where it stood then, whatever becomes of its room.
        self._sent: int | None = None
        self._ended_at: float | None = None
        self._code: int | None = None

    @property
    def said(self) -> int:
        """Up to where it was acked; 0 before any ack."""
        return self._said or 0

    def ack(self, seq: int, now: float) -> None:
        """The terminal stored everything up to `seq`, which was sent to it."""
        if seq > self.said:
            self._said, self._said_at = seq, now

    def skip(self, sent: int, to: int) -> None:
        """The events behind `sent` cannot be given; the stream goes on behind `to`, as a stretch of its own."""
        self._prior.append((self._stretch, self._began, sent))
        self._stretch += 1
        self._began, self._written = to, UNWRITTEN

    def fork(self, shared: int, epoch: int) -> None:
        """History forked behind `shared`: what was given and acked of the rest is no more."""
        self.epoch = epoch
        self._began = min(self._began, shared)
        self._prior = [
            (stretch, min(began, shared), min(sent, shared)) for stretch, began, sent in self._prior
        ]
        self._said = None if self._said is None else min(self._said, shared)
        self._written = UNWRITTEN

    def end(self, sent: int, code: int, now: float) -> None:
        """The connection is over."""
        self._sent, self._code, self._ended_at = sent, code, now

    def moved(self, sent: int) -> bool:
        """Whether there is news besides acks, now that `sent` is where it stands."""
        return sent != self._written or bool(self._prior)

    def progress(self, sent: int, now: float) -> list[Progress]:
        """Everything to be written, with `sent` as where it stands; oldest stretch first."""
        if self._sent is not None:
            sent = self._sent
        said_ago = None if self._said is None else max(0.0, now - self._said_at)
        ended_ago = None if self._ended_at is None else max(0.0, now - self._ended_at)
        news = [
            # The one before it ended when the next one began: now, as far as anybody is told.
            Progress(self.id, stretch, self.epoch, began, came, _least(self._said, came), said_ago, 0.0, None)
            for stretch, began, came in self._prior
        ]
        news.append(
            Progress(
                self.id, self._stretch, self.epoch, self._began, sent, self._said, said_ago, ended_ago, self._code
            )
        )  # fmt: skip
        return news

    def wrote(self, news: list[Progress]) -> None:
        """That was written."""
        done = {progress.stretch for progress in news[:-1]}
        self._prior = [prior for prior in self._prior if prior[0] not in done]
        if news[-1].stretch == self._stretch and news[-1].epoch == self.epoch:
            self._written = news[-1].sent


def _least(said: int | None, sent: int) -> int | None:
    return None if said is None else min(said, sent)
