"""Folds as they are told."""

import numpy as np
import pytest

from airpocket.cascade.folds import folds_of
from airpocket.cascade.prepared import prepare, waiting_of
from airpocket.cascade.settle import settle
from airpocket.cascade.shock import Buying, Shock
from airpocket.market.events import Side
from tests.cascade.laws import book, ladder_at

LADDER = ladder_at([0.02, 0.03, 0.05], [1e6, 2e6, 4e6], Side.LONG)
BOOK = book([1e6] * 20, [0.005] * 20)


def test_what_others_buy_moves_the_folds() -> None:
    """Two millions bought at 2.8 % leave less to be sold at the second level."""
    ready = prepare(LADDER, Side.LONG)
    others = Buying(np.array([0.028]), np.array([2e6]))
    shock = Shock.by_move(-0.01, buying=others)
    folds = folds_of(waiting_of(ready, shock), BOOK.curve(Side.LONG, 100.0), shock, 1e-3)
    alone = settle(LADDER, BOOK, Shock.by_move(-0.01)).folds
    assert folds[0] == alone[0]
    assert folds[1].shock > alone[1].shock
    for fold in folds:
        below, above = (
            settle(LADDER, BOOK, Shock.by_move(-fold.shock + eps, buying=others)).fall
            for eps in (1e-7, -1e-7)
        )
        assert below <= fold.before + 1e-9
        assert above == pytest.approx(fold.beyond, abs=2e-7)


def test_an_order_is_told_with_what_it_does_alone() -> None:
    ready = prepare(LADDER, Side.LONG)
    shock = Shock(side=Side.LONG, move=-0.005, order_usd=1.0)
    curve = BOOK.curve(Side.LONG, 100.0)
    folds = folds_of(waiting_of(ready, shock), curve, shock, 4e-3)
    assert folds
    for fold in folds:
        assert fold.order_usd is not None
        assert fold.shock == pytest.approx(0.005 + curve.at(fold.order_usd))
        over = Shock(side=Side.LONG, move=-0.005, order_usd=fold.order_usd + 1.0)
        assert settle(LADDER, BOOK, over).fall == pytest.approx(fold.beyond)


def test_no_more_than_a_thousand_are_told() -> None:
    many = ladder_at([k / 4096 for k in range(1, 3000)], [1e5] * 2999, Side.SHORT)
    settled = settle(many, book([1e5] * 4000, [1e-4] * 4000), Shock.by_move(0.5), jump_bps=0.5)
    assert len(settled.folds) == 1_000
    shocks = [fold.shock for fold in settled.folds]
    assert shocks == sorted(shocks)
