"""Lines and their canaries."""

from airpocket.market.stream import Channel, Line, Subscription


def test_canaries_are_what_may_not_be_silent() -> None:
    mark = Subscription((Channel.MARK,), "BTCUSDT", "btcusdt@markPrice@1s", 20.0)
    forced = Subscription((Channel.LIQUIDATIONS,), "BTCUSDT", "btcusdt@forceOrder")
    assert Line("market", "wss://x", (mark, forced)).canaries == (mark,)
