"""What every plan of connections must keep, whichever venue it is for."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from hypothesis import strategies as st

from airpocket.market.instrument import Instrument, Kind
from airpocket.market.stream import Channel, Line, StreamRules, Subscription
from airpocket.market.wire import Decoded
from airpocket.units import ns_from_iso
from airpocket.venues.register import open_wire
from tests.venues.mutate import mutations

__all__ = [
    "NOW_NS",
    "Contracts",
    "check_answers",
    "check_lines",
    "check_requests",
    "contract",
    "decoded",
    "many",
    "topics_of",
]

NOW_NS = ns_from_iso("2026-11-21")


def contract(
    venue: str, raw_symbol: str, settle: str = "USDT", kind: Kind = Kind.LINEAR
) -> Instrument:
    """Make an instrument as an exchange's list gives it."""
    return Instrument(
        venue=venue,
        raw_symbol=raw_symbol,
        symbol=f"{raw_symbol}/{settle}:{settle}",
        kind=kind,
        base=raw_symbol,
        quote=settle,
        settle=settle,
    )


class Contracts(list[Instrument]):
    """A list whose failing example can be read."""

    def __repr__(self) -> str:
        names = [one.raw_symbol for one in self]
        return f"<{len(names)}: {', '.join(names[:4])} … {', '.join(names[-2:])}>"


@st.composite
def many(
    draw: st.DrawFn, make: Callable[[str], Instrument], besides: Sequence[Instrument] = ()
) -> Contracts:
    """Draw 1 to 600 instruments, some of ``besides`` among them, in any order."""
    count = draw(st.sampled_from([1, 2, 5, 66, 67, 199, 200, 201, 333, 600]) | st.integers(1, 600))
    chosen = [one for one in besides if draw(st.booleans())]
    length = draw(st.integers(1, 9))
    drawn = [make(f"{index}{'C' * length}") for index in range(count)]
    kept = [*chosen, *drawn][:count]
    Random(draw(st.integers(0, 99))).shuffle(kept)
    return Contracts(kept)


def topics_of(lines: Iterable[Line]) -> Counter[str]:
    """Count every topic of a plan."""
    return Counter(one.topic for line in lines for one in line.subscriptions)


def check_lines(
    rules: StreamRules, lines: Sequence[Line], wanted: set[str], *, args_bytes: int | None = None
) -> None:
    """Every wanted topic once, only canaries beside them, on no line more than is allowed."""
    limits = rules.limits
    counts = topics_of(lines)
    canaries = {one.topic for line in lines for one in line.canaries}
    assert wanted <= set(counts), "a wanted topic is missing"
    assert set(counts) <= wanted | canaries, "a topic nobody wanted"
    assert all(counts[topic] == 1 for topic in wanted - canaries), "asked for twice"
    assert limits.connections_most is None or len(lines) <= limits.connections_most
    for line in lines:
        assert line.url.startswith("wss://")
        topics = [one.topic for one in line.subscriptions]
        assert len(set(topics)) == len(topics), "a topic twice on a line"
        assert any((one.silent_after_s or 99.0) <= 30.0 for one in line.canaries), "no canary"
        assert limits.topics_per_connection is None or len(topics) <= limits.topics_per_connection
        if args_bytes is not None:
            args = [arg for data in rules.subscribe(line.subscriptions, 1) for arg in _args(data)]
            assert len(json.dumps(args, separators=(",", ":")).encode()) <= args_bytes
        ranks = [
            0 if one.silent_after_s else 1 if Channel.LIQUIDATIONS in one.channels else 2
            for one in line.subscriptions
        ]
        assert ranks == sorted(ranks), "canaries first, then liquidations"


def check_requests(rules: StreamRules, topics: Sequence[Subscription], first_id: int) -> None:
    """Each topic is written once, in order; ids count up; no request is larger than allowed."""
    for write, method in ((rules.subscribe, "subscribe"), (rules.unsubscribe, "unsubscribe")):
        requests = write(topics, first_id)
        limits = rules.limits
        written = [_args(data) for data in requests]
        asked = [arg for args in written for arg in args]
        assert asked == [_as_arg(one.topic) for one in topics]
        assert all(written), "an empty request"
        for index, data in enumerate(requests):
            said = json.loads(data)
            assert (said.get("op") or said["method"]).lower() == method
            number = said.get("id", said.get("req_id"))
            assert number is None or int(number) == first_id + index
            assert limits.request_bytes_most is None or len(data) <= limits.request_bytes_most
            most = limits.topics_per_request
            assert most is None or len(written[index]) <= most


def check_answers(
    rules: StreamRules, replies: Sequence[bytes], pushes: Sequence[bytes], *, count: int = 3000
) -> None:
    """Answers are read, pushes are not answers, and no damage to either raises."""
    for data in pushes:
        assert rules.answer(data) is None
    for data in mutations([*replies, *pushes], count, seed=7):
        answer = rules.answer(data)
        if answer is not None:
            assert answer.reason is None or (answer.reason.isprintable() and answer.reason)
            assert answer.reason is None or len(answer.reason) <= 200
            assert all(isinstance(topic, str) for topic in answer.topics)
            assert answer.request_id is None or isinstance(answer.request_id, int)


def decoded(venue: str, data: bytes) -> Decoded:
    """Read a frame as the wire does, which sees it first."""
    return open_wire(venue).decode(data)


def _args(data: bytes) -> list[Any]:
    said = json.loads(data)
    for name in ("params", "args"):
        if name in said:
            return list(said[name])
    return [said["subscription"]]


def _as_arg(topic: str) -> Any:
    return json.loads(topic) if topic.startswith("{") else topic
