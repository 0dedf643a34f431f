"""What a venue's rules say of one position, as facts with their units in the names."""

from collections.abc import Mapping
from typing import Any, Final, final

from msgspec import Struct

from airpocket.app.check_command import Asked
from airpocket.app.check_words import (
    Market,
    day_of,
    fraction_of,
    mode_of,
    move_of,
    refuse_leverage,
    side_of,
    sized,
)
from airpocket.errors import InputError
from airpocket.leverage.margin import Closing, LiquidationPrice, Requirement
from airpocket.leverage.position import Account, MarginMode, Position
from airpocket.leverage.standing import tier_at
from airpocket.leverage.surviving import Survival, survival
from airpocket.leverage.values import bankruptcy_price_of, margin_of, value_at
from airpocket.market.instrument import Kind

__all__ = ["Facts", "Funding", "facts_json", "facts_of"]

# Hours between payments, as the venues state them (venues' pages as in their funding modules).
_FUNDING_H: Final[Mapping[str, float]] = {
    "binance": 8.0, "bybit": 8.0, "dydx": 1.0, "hyperliquid": 1.0, "okx": 8.0,
}  # fmt: skip
_VARIES: Final = frozenset({"binance", "bybit", "okx"})

_BEYOND: Final = 1e-9  # this much past the liquidation price the venue acts, whatever the rounding
_DOLLAR_STEP: Final = 0.01
_COIN_STEP: Final = 1e-8


class Funding(Struct, frozen=True):
    """One payment: ``cost`` in the settle coin, above 0 if the position pays."""

    rate: float
    interval_h: float
    cost: float


@final
class Facts(Struct, frozen=True, kw_only=True):
    """Everything that is known of one position without a ladder.

    Parameters
    ----------
    value
        At the mark, in the settle coin.
    margin
        Behind an isolated position.
    tier
        Of the value at the mark, from 0.
    initial
        ``None`` where the leverage is not known.
    is_liquidatable
        Whether the venue takes it at the mark as it is.
    closing
        What the venue does just past the liquidation price.
    move, survival
        The move asked about, and what holds the position through it.
    """

    market: Market
    position: Position
    account: Account | None
    mark_price: float
    size_base: float
    value: float
    margin: float | None
    tier: int
    initial: Requirement | None
    maintenance: Requirement
    liquidation: LiquidationPrice
    is_liquidatable: bool
    bankruptcy_price: float | None
    closing: Closing | None
    daily_volatility: float | None
    funding: Funding | None
    move: float | None
    survival: Survival | None
    assumed: tuple[str, ...]

    @property
    def distance(self) -> float | None:
        """Fraction of the mark that it may move before the position is taken."""
        if self.liquidation.price is None:
            return None
        return self.position.sign * (self.mark_price - self.liquidation.price) / self.mark_price

    @property
    def distance_ticks(self) -> float | None:
        """The same in ticks, where the tick is known."""
        tick = self.position.instrument.tick
        if tick is None or self.distance is None:
            return None
        return self.distance * self.mark_price / tick

    @property
    def distance_sigmas(self) -> float | None:
        """The same in daily volatilities, where one was given."""
        if self.daily_volatility is None or self.distance is None:
            return None
        return self.distance / self.daily_volatility


def facts_of(asked: Asked, market: Market, *, seen_mark: float | None = None) -> Facts:
    """Ask a venue's rules about the position that was described.

    Parameters
    ----------
    asked
        The words.
    market
        Its instrument, rules and tiers.
    seen_mark
        Mark price of the ladder, if one was given: taken where ``--mark`` was left out.

    Raises
    ------
    InputError
        If a figure is missing or out of bounds, or the rules refuse it; one sentence.
    """
    assumed = list(market.assumed)
    position, mark = _position(asked, market, seen_mark, assumed)
    account = _account(asked, market, position, assumed)
    refuse_leverage(position, market)
    rules, tiers = market.rules, market.tiers
    initial = None if position.leverage is None else rules.initial_margin(position, tiers)
    found = rules.liquidation_price(position, tiers, account)
    closing = None
    if found.price is not None:
        past = found.price * (1 - position.sign * _BEYOND)
        closing = rules.closing(position, past, tiers, account)
    move = move_of(asked.survive, position.side)
    outlived = None
    if move is not None:
        step = _COIN_STEP if position.instrument.kind is Kind.INVERSE else _DOLLAR_STEP
        target = mark * (1 + move)
        outlived = survival(rules, position, tiers, target, account, margin_step=step)
    size = position.instrument.qty_base(position.qty_raw, position.entry_price)
    if size is None:
        raise InputError(f"{position.instrument.symbol}: its size in coins is not known")
    isolated = position.mode is MarginMode.ISOLATED
    return Facts(
        market=market,
        position=position,
        account=account,
        mark_price=mark,
        size_base=size,
        value=value_at(position, mark),
        margin=margin_of(position) if isolated else None,
        tier=tier_at(position, mark, tiers),
        initial=initial,
        maintenance=rules.maintenance_margin(position, mark, tiers),
        liquidation=found,
        is_liquidatable=rules.closing(position, mark, tiers, account).is_liquidatable,
        bankruptcy_price=_bankruptcy(market, position, account),
        closing=closing,
        daily_volatility=_volatility(asked),
        funding=_funding(asked, position, mark, assumed),
        move=move,
        survival=outlived,
        assumed=tuple(assumed),
    )


def _position(
    asked: Asked, market: Market, seen_mark: float | None, assumed: list[str]
) -> tuple[Position, float]:
    side, mode = side_of(asked.side), mode_of(asked.margin_mode)
    entry, mark = sized("entry", asked.entry), sized("mark", asked.mark)
    if mark is None and seen_mark is not None:
        mark = seen_mark
        assumed.append(f"no --mark: {mark:,.10g}, the mark of the ladder, is taken")
    if entry is None and mark is None:
        raise InputError("--entry is missing (or --mark, which is then the entry too)")
    if mark is None:
        mark = entry
        assumed.append("no --mark: the entry is taken for it")
    if entry is None:
        entry = mark
        assumed.append("no --entry: the mark is taken for it")
    if mark is None or entry is None:  # for the type checker: one of them was given
        raise InputError("--entry is missing")
    leverage, margin = sized("leverage", asked.leverage), sized("margin", asked.margin)
    if mode is MarginMode.ISOLATED and leverage is None and margin is None:
        raise InputError("--leverage is missing (or --margin, what stands behind the position)")
    if mode is MarginMode.CROSS and margin is not None:
        raise InputError("--margin is of an isolated position: in cross give --wallet")
    position = Position(
        instrument=market.instrument,
        side=side,
        qty_raw=_qty(asked, market, entry),
        entry_price=entry,
        mode=mode,
        margin=margin,
        leverage=leverage,
    )
    return position, mark


def _qty(asked: Asked, market: Market, entry: float) -> float:
    size, contracts = sized("size", asked.size), sized("contracts", asked.contracts)
    if (size is None) is (contracts is None):
        raise InputError("give either --size, in coins, or --contracts, in the venue's own unit")
    if contracts is not None:
        return contracts
    qty = None if size is None else market.instrument.qty_raw(size, entry)
    if qty is None:
        raise InputError(f"{market.instrument.symbol}: a size in coins is not known of its kind")
    return qty


def _account(
    asked: Asked, market: Market, position: Position, assumed: list[str]
) -> Account | None:
    wallet = sized("wallet", asked.wallet)
    if position.mode is MarginMode.ISOLATED:
        if wallet is not None:
            raise InputError("--wallet is of a cross position: give --margin-mode cross with it")
        return None
    if wallet is None:
        raise InputError("--wallet is missing: in cross the whole balance stands behind it")
    assumed.append("the wallet holds no other cross position")
    return Account(wallet=wallet, tables=(market.tiers,))


def _bankruptcy(market: Market, position: Position, account: Account | None) -> float | None:
    """Find where nothing is left; a wallet that holds this position alone decides it by itself."""
    if account is None:
        return market.rules.bankruptcy_price(position)
    return bankruptcy_price_of(position, account.wallet)


def _volatility(asked: Asked) -> float | None:
    sigma = fraction_of("daily-volatility", asked.daily_volatility)
    if sigma is not None and not 0 < sigma < 10:
        raise InputError(f"--daily-volatility is {asked.daily_volatility}: it is above 0")
    return sigma


def _funding(asked: Asked, position: Position, mark: float, assumed: list[str]) -> Funding | None:
    rate = fraction_of("funding-rate", asked.funding_rate)
    hours = sized("funding-hours", asked.funding_hours)
    if rate is None:
        if hours is not None:
            raise InputError("--funding-hours is of a rate: give --funding-rate with it")
        return None
    venue = position.instrument.venue
    if hours is None:
        hours = _FUNDING_H.get(venue)
        if hours is None:
            raise InputError(f"{venue}: it pays without intervals; give the rate's --funding-hours")
        if venue in _VARIES:
            assumed.append(
                f"funding is paid every {hours:g} h (some symbols of {venue} pay more often:"
                " --funding-hours)"
            )
    return Funding(rate, hours, position.sign * value_at(position, mark) * rate)


def facts_json(facts: Facts) -> dict[str, Any]:
    """Lay facts out as one flat JSON object; shares and rates are fractions, tiers count from 1."""
    position, market = facts.position, facts.market
    tier = market.tiers.tiers[facts.tier]
    found, lived, paid = facts.liquidation, facts.survival, facts.funding
    away = facts.distance
    return {
        "type": "check",
        "venue": position.instrument.venue,
        "symbol": position.instrument.symbol,
        "raw_symbol": position.instrument.raw_symbol,
        "side": position.side.value,
        "margin_mode": position.mode.value,
        "size_base": facts.size_base,
        "size_contracts": position.qty_raw,
        "entry_price": position.entry_price,
        "mark_price": facts.mark_price,
        "leverage": position.leverage,
        "value": facts.value,
        "margin": facts.margin,
        "wallet": None if facts.account is None else facts.account.wallet,
        "margin_coin": position.instrument.settle,
        "liquidation_price": found.price,
        "liquidation_reason": found.reason or None,
        "liquidation_tier": None if found.tier is None else found.tier + 1,
        "is_liquidatable": facts.is_liquidatable,
        "bankruptcy_price": facts.bankruptcy_price,
        "distance": away,
        "distance_bps": None if away is None else away * 1e4,
        "distance_ticks": facts.distance_ticks,
        "distance_daily_sigmas": facts.distance_sigmas,
        "daily_volatility": facts.daily_volatility,
        "initial_margin": None if facts.initial is None else facts.initial.amount,
        "maintenance_margin": facts.maintenance.amount,
        "tier": facts.tier + 1,
        "tiers": len(market.tiers.tiers),
        "tier_above": tier.above,
        "tier_up_to": tier.up_to,
        "tier_unit": market.tiers.unit.value,
        "tier_rate": tier.rate,
        "tier_deduction": tier.deduction,
        "tier_leverage_most": tier.leverage_most,
        "tier_date": day_of(market.tiers.valid_from_ns),
        "tier_source": market.tiers.source,
        "rule": market.rules.rule_id,
        "rule_date": day_of(market.rules.valid_from_ns),
        "rule_source": market.rules.source,
        "funding_rate": None if paid is None else paid.rate,
        "funding_interval_h": None if paid is None else paid.interval_h,
        "funding_cost": None if paid is None else paid.cost,
        "closing": _closing_json(facts.closing),
        "survive_move": facts.move,
        "survive_price": None if lived is None else lived.price,
        "survive_holds": None if lived is None else lived.holds,
        "survive_leverage_most": None if lived is None else lived.leverage_most,
        "survive_whole_leverage_most": None if lived is None else lived.whole_leverage_most,
        "survive_margin_least": None if lived is None else lived.margin_least,
        "assumed": list(facts.assumed),
    }


def _closing_json(closing: Closing | None) -> list[dict[str, Any]] | None:
    if closing is None:
        return None
    return [
        {
            "taker": step.taker.value, "share": step.share, "price": step.price,
            "limit_price": step.limit_price, "fee": step.fee, "then_wait_s": step.then_wait_s,
            "said": step.said,
        }
        for step in closing.steps
    ]  # fmt: skip
