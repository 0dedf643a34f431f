"""What is sent and what is stored are matched by one name."""

from msgspec import structs

from airpocket.market.events import Liquidation, Mark, Trade
from airpocket.venues.register import LIVE, open_wire
from tests.live.ledger import Delivery, Ledger, event_key
from tests.live.rig import SYMBOLS, Rig
from tests.live.virtual import Bench, run


def test_an_event_keeps_its_name_over_the_wire_and_no_two_share_one() -> None:
    async def collect(bench: Bench) -> Rig:
        rig = Rig(bench)
        for venue in LIVE:
            for _ in range(50):
                rig.world.liquidate(venue, SYMBOLS[venue][0])
                rig.world.tell(
                    [rig.world.market(venue, SYMBOLS[venue][0]).mark(rig.world.now_ns())]
                )
        return rig

    rig = run(collect)
    names = [one.key for one in rig.world.happened if not isinstance(one.event, Mark)]
    assert len(set(names)) == len(names) == 4 * 50 * 2
    for one in rig.world.happened:
        if one.venue == "hyperliquid" and isinstance(one.event, Liquidation):
            continue  # it has no public stream of them
        wire = open_wire(one.venue)
        (frame,) = wire.encode([one.event])
        assert [event_key(said) for said in wire.decode(frame).events] == [one.key]


def test_a_name_does_not_hang_on_what_only_we_add() -> None:
    trade = Trade(
        venue="okx", symbol=None, raw_symbol="X", venue_ns=5, price=1.0, qty_raw=1.0, trade_id="7"
    )
    assert event_key(trade) == event_key(structs.replace(trade, local_ns=9, symbol="X/Y:Y"))
    assert event_key(trade) != event_key(structs.replace(trade, trade_id="8"))


def test_only_what_was_news_and_whole_must_be_known() -> None:
    ledger = Ledger()
    mark = Mark(venue="okx", symbol=None, raw_symbol="X", venue_ns=5, mark_price=1.0)
    sent = ledger.write(mark, 1.0)
    delivery = Delivery(3, "mark", b"{}", (sent,), 1.0)
    ledger.put(delivery)
    assert (sent.connections, sent.was_read, ledger.sent("okx"), ledger.sent("bybit")) == (
        (3,), False, [sent], [],
    )  # fmt: skip
    delivery.read_s = 2.0
    assert [sent.was_read] == [True]
    for spoil in ("altered", "replayed"):
        setattr(delivery, spoil, True)
        assert [sent.was_read] == [False]
        setattr(delivery, spoil, False)
    delivery.cut = True
    assert sent.connections == ()
