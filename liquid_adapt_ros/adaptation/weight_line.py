"""The line of weight versions between the trainer and the node that runs them."""

from liquid_adapt_ros.adaptation.sample_ring import NANOSECONDS


class WeightLine:
    """Which version flies, which was published last, and which comes next.

    A receiver takes only versions newer than any it had, also after it went back to an older one.
    A trainer that starts beside a running receiver therefore goes on from what it sees there.

    Args:
        patience_s: how long the receiver may report an older version than the one published
            before that one counts as lost (rejected there, or taken back) [s].
    """

    def __init__(self, patience_s: float):
        self._patience_ns = round(patience_s * NANOSECONDS)
        self._flying: int | None = None
        self._newest_reported = 0
        self._published: int | None = None
        self._awaited: int | None = None
        self._behind_since_ns: int | None = None
        self._behind_until_ns = 0

    @property
    def flying(self) -> int | None:
        """The version that the receiver reported last; None before its first report."""
        return self._flying

    @property
    def next_version(self) -> int:
        """The version that the next update must have."""
        return max(self._published or 0, self._newest_reported) + 1

    @property
    def is_foreign(self) -> bool:
        """Whether weights fly that another trainer published after this one's last."""
        return self._published is not None and (self._flying or 0) > self._published

    @property
    def is_awaited(self) -> bool:
        """Whether the receiver has yet to take over the version published last."""
        return self._awaited is not None and (self._flying or 0) < self._awaited

    @property
    def is_lost(self) -> bool:
        """Whether the receiver has gone on without the version published last for too long."""
        if self._behind_since_ns is None:
            return False
        return self._behind_until_ns - self._behind_since_ns > self._patience_ns

    def report(self, version: int, stamp_ns: int) -> None:
        """The receiver ran `version` at `stamp_ns`."""
        self._flying = version
        self._newest_reported = max(self._newest_reported, version)
        if not self.is_awaited:
            self._behind_since_ns = None
        elif self._behind_since_ns is None or stamp_ns < self._behind_since_ns:
            self._behind_since_ns = stamp_ns
        self._behind_until_ns = stamp_ns

    def publish(self) -> int:
        """Take the next version for an update, which is awaited at the receiver from now on."""
        self._published = self._awaited = self.next_version
        self._behind_since_ns = None
        return self._published

    def give_up(self) -> None:
        """Await the version published last no longer."""
        self._awaited = self._behind_since_ns = None
