"""The shapes of what margin rules answer."""

from airpocket.leverage.margin import ClosingStep, LiquidationPrice, Taker


def test_a_step_says_who_takes_how_much() -> None:
    step = ClosingStep(Taker.BOOK, 0.2, then_wait_s=30.0)
    assert (step.price, step.limit_price, step.fee) == (None, None, 0.0)


def test_no_liquidation_price_has_a_reason() -> None:
    assert LiquidationPrice(None, None, "no debt").reason == "no debt"
