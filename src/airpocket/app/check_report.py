"""``airpocket check`` on a terminal: short, aligned, facts only."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from airpocket.alerts.render import escape_terminal
from airpocket.app.check_facts import Facts
from airpocket.app.check_words import day_of, tier_words
from airpocket.app.printing import console, show
from airpocket.leverage.ladder import Provenance
from airpocket.leverage.margin import ClosingStep, Taker
from airpocket.leverage.position import MarginMode
from airpocket.market.events import Side
from airpocket.units import say_usd

if TYPE_CHECKING:
    from airpocket.app.check_chain import Chain

__all__ = ["line", "money", "percent", "price", "print_facts"]

_LEAST_SHOWN: Final = 0.0001
_LABEL: Final = 15
_FIGURE: Final = 14

_TAKEN_BY: Final = {
    Taker.BOOK: "the book",
    Taker.FUND: "fund or vault",
    Taker.COUNTERPARTY: "counterparties (ADL)",
    Taker.LIQUIDATOR: "a liquidator",
}


def line(label: str, figure: str = "", *rest: str) -> str:
    """Lay a label, a figure and what is said of it in the columns of one row of markup."""
    said = "   ".join(part for part in rest if part)
    return f"[dim]{label:<{_LABEL}}[/]{figure:>{_FIGURE}}   {said}".rstrip()


def _text(label: str, said: str) -> str:
    return f"[dim]{label:<{_LABEL}}{said}[/]"


def print_facts(facts: Facts, chain: "Chain | None" = None) -> None:
    """Print what is known of a position, and of its place among others."""
    out = console()
    show(out, _title(facts), hang=2)
    show(out, "")
    for row in (*_levels(facts), *_margins(facts), *_survival(facts)):
        show(out, row, hang=_LABEL + _FIGURE + 3)
    show(out, "")
    if chain is not None:
        for row in _chain(facts, chain):
            show(out, row, hang=_LABEL + _FIGURE + 3)
        show(out, "")
    unknown = [*_unknown(facts, chain)]
    missing = [_text("not known", ", ".join(unknown))] if unknown else []
    for row in (*_closing(facts), *missing, *_sources(facts, chain)):
        show(out, row, hang=_LABEL)


def price(value: float, tick: float | None) -> str:
    """Write a price in its ticks, or in six figures where the tick is not known.

    Examples
    --------
    >>> price(95_381.5261, 0.1), price(0.123456789, None), price(95_381.5261, None)
    ('95,381.5', '0.123457', '95,381.5')
    """
    if tick is not None:
        return f"{value:,.{_decimals(tick)}f}"
    places = 5 - math.floor(math.log10(abs(value))) if value else 0
    return f"{value:,.{min(max(places, 0), 12)}f}"


def _decimals(tick: float) -> int:
    text = f"{tick:.12f}".rstrip("0")
    return len(text.partition(".")[2])


def money(value: float, coin: str) -> str:
    """Write an amount: cents of dollars, up to eight places of other coins.

    Examples
    --------
    >>> money(1234.5, "USDT"), money(0.00512, "BTC")
    ('1,234.50', '0.00512')
    """
    if coin.startswith("USD"):
        return f"{value:,.2f}"
    return f"{value:,.8f}".rstrip("0").rstrip(".")


def percent(fraction: float, *, sign: bool = True) -> str:
    """Write a share in percent: two places, or two figures of a small one.

    Examples
    --------
    >>> percent(-0.04618), percent(0.0001), percent(0.08, sign=False)
    ('−4.62 %', '+0.010 %', '8.00 %')
    """
    share = fraction * 100
    places = 2 if abs(share) >= 0.1 or share == 0 else 1 - math.floor(math.log10(abs(share)))
    return f"{share:{'+' if sign else ''}.{min(places, 12)}f} %".replace("-", "−")


def _plain(size: float) -> str:
    said = f"{size:,.10g}"
    return f"{size:,.12f}".rstrip("0").rstrip(".") if "e" in said else said


def _title(facts: Facts) -> str:
    position = facts.position
    instrument = position.instrument
    mode = position.mode.value
    if position.leverage is not None:
        mode += f" {position.leverage:g}×"
    color = "green" if position.side is Side.LONG else "red"
    size = f"{_plain(facts.size_base)} {_safe(instrument.base)}"
    at = price(position.entry_price, instrument.tick)
    return (
        f"[bold]{_safe(instrument.symbol)}[/] on {_safe(instrument.venue)}, [{color}]"
        f"{position.side.value}[/] {size} at {at}, {mode}"
    )


def _levels(facts: Facts) -> Iterator[str]:
    tick = facts.position.instrument.tick
    coin = _safe(facts.position.instrument.settle)
    found, away, bust = facts.liquidation, facts.distance, facts.bankruptcy_price
    worth = f"the position is worth {money(facts.value, coin)} {coin}"
    yield line("mark", price(facts.mark_price, tick), worth)
    if found.price is None or away is None:
        yield line("liquidation", "[bold]none[/]".rjust(_FIGURE + 11), found.reason)
    else:
        figure = price(found.price, tick).rjust(_FIGURE)
        parts = [percent(found.price / facts.mark_price - 1)]
        if facts.distance_ticks is not None:
            parts.append(f"{facts.distance_ticks:,.0f} ticks")
        if facts.distance_sigmas is not None:
            parts.append(f"{facts.distance_sigmas:.2f} daily sigmas")
        yield line("liquidation", f"[bold]{figure}[/]", *parts)
    if facts.is_liquidatable:
        yield line("", "", "[bold red]passed[/]: at this mark the venue takes it")
    if bust is None:
        yield line("bankruptcy", "none", "no price above 0 uses up what stands behind it")
    else:
        yield line("bankruptcy", price(bust, tick), percent(bust / facts.mark_price - 1))


def _margins(facts: Facts) -> Iterator[str]:
    position, held, opened = facts.position, facts.maintenance, facts.initial
    coin = _safe(position.instrument.settle)
    share = percent(held.amount / facts.value, sign=False)
    yield line("maintenance", money(held.amount, held.coin), f"{held.coin}, {share} of the value")
    if opened is not None:
        share = percent(opened.rate, sign=False)
        said = f"{opened.coin}, {share} of the value at entry"
        yield line("initial margin", money(opened.amount, opened.coin), said)
    if facts.account is not None:
        yield line("wallet", money(facts.account.wallet, coin), coin)
    elif facts.margin is not None and position.margin is not None:
        yield line("margin", money(facts.margin, coin), coin)
    number, _, bounds = tier_words(facts.market, facts.tier).partition(" (")
    most = facts.market.tiers.tiers[facts.tier].leverage_most
    bounds = bounds.removesuffix(")")
    yield line("tier", number.removeprefix("tier "), f"{bounds}, at most {most:g}×")
    paid = facts.funding
    if paid is not None:
        verb = "paid" if paid.cost >= 0 else "received"
        said = f"{coin} {verb} every {paid.interval_h:g} h at {percent(paid.rate)}"
        yield line("funding", money(abs(paid.cost), coin), said)


def _survival(facts: Facts) -> Iterator[str]:
    lived, position = facts.survival, facts.position
    if lived is None or facts.move is None:
        return
    coin = _safe(position.instrument.settle)
    state = "[green]held as it is[/]" if lived.holds else "[red]not held as it is[/]"
    label = f"at {percent(facts.move)}"
    yield line(label, price(lived.price, position.instrument.tick), state)
    have = facts.margin if facts.account is None else facts.account.wallet
    lacks = lived.margin_least - (have or 0.0)
    beside = f"{money(abs(lacks), coin)} {'more' if lacks > 0 else 'less'} than now"
    if position.mode is MarginMode.CROSS:
        said = f"{coin}, the smallest that holds: {beside}"
        yield line("  wallet", money(lived.margin_least, coin), said)
        return
    if lived.leverage_most is None:
        yield line("  leverage", "none", "of 1× or more holds it on its own margin")
    else:
        whole = lived.whole_leverage_most
        said = "the largest that holds"
        if whole is not None and whole != lived.leverage_most:
            said += f", {whole}× in whole numbers"
        if lived.leverage_most == lived.leverage_cap:
            said = "holds, and no more is allowed"
        yield line("  leverage", f"{lived.leverage_most:g}×", said)
    said = f"{coin}, the smallest that holds: {beside}"
    yield line("  margin", money(lived.margin_least, coin), said)


def _chain(facts: Facts, chain: "Chain") -> Iterator[str]:
    side = facts.position.side
    sign = -facts.position.sign
    ladder = chain.around.ladder
    who = "" if chain.ahead_count is None else f" in {chain.ahead_count:,} positions"
    estimated = " (estimated)" if chain.provenance is Provenance.ESTIMATED else ", at least"
    said = f"of {side.value}s are forced nearer to the price{who}{estimated}"
    yield line("ahead of it", say_usd(chain.ahead_usd), said)
    where = "" if facts.mark_price == ladder.mark_price else f" from {ladder.mark_price:,.10g}"
    yield line(
        "reached by", percent(sign * chain.move_alone), f"the price alone{where}, without a chain"
    )
    for one in chain.reaches:
        waves = f"{one.waves:,} wave{'' if one.waves == 1 else 's'}"
        said = f"{one.name}: a move, then {waves} forcing {say_usd(one.forced_usd)}"
        if one.waves == 0:
            said = f"{one.name}: a move, no chain carries it further"
        most = "at most " if one.is_at_most else ""
        yield line("", f"{most}{percent(sign * one.move)}", said)
    verb = "sale" if side is Side.LONG else "purchase"
    label = f"or a {verb}"
    for one in chain.reaches:
        if one.order_usd is not None and one.order_alone_usd is not None:
            alone = f"{say_usd(one.order_alone_usd)} without the chain"
            yield line(label, say_usd(one.order_usd), f"{one.name}: {alone}")
        elif one.law == "book_walk":
            yield line(label, "not known", f"{one.name}: the book in sight ends before")
        label = ""


def _closing(facts: Facts) -> Iterator[str]:
    if facts.closing is None:
        return
    tick, coin = facts.position.instrument.tick, _safe(facts.position.instrument.settle)
    steps = [_step(step, tick, coin) for step in facts.closing.steps]
    later = [said.replace("all", "what is left", 1) for said in steps[1:]]
    yield f"[dim]{'when taken':<{_LABEL}}[/]" + "; then ".join([*steps[:1], *later])


def _step(step: ClosingStep, tick: float | None, coin: str) -> str:
    share = "all" if step.share == 1 else percent(step.share, sign=False)
    if step.share < _LEAST_SHOWN:  # what restores the margin, at the very price where it is short
        share = f"less than {percent(_LEAST_SHOWN, sign=False)}"
    said = f"{share} to {_TAKEN_BY[step.taker]}"
    if step.price is not None:
        said += f" at {price(step.price, tick)}"
    if step.limit_price is not None:
        said += f", no worse than {price(step.limit_price, tick)}"
    if step.fee:
        said += f", fee {money(step.fee, coin)} {coin}"
    return said + (f", next look after {step.then_wait_s:g} s" if step.then_wait_s else "")


def _unknown(facts: Facts, chain: "Chain | None") -> Iterator[str]:
    if facts.daily_volatility is None:
        yield "daily sigmas (--daily-volatility)"
    if facts.funding is None:
        yield "funding (--funding-rate)"
    if facts.closing is not None and any(step.fee is None for step in facts.closing.steps):
        yield "the liquidation fee"
    if facts.distance is not None and facts.distance_ticks is None:
        yield "the tick"
    if chain is not None and not chain.reaches:
        yield "the chain (--depth, or --daily-volume and --daily-volatility)"


def _sources(facts: Facts, chain: "Chain | None") -> Iterator[str]:
    rules, tiers = facts.market.rules, facts.market.tiers
    since = day_of(rules.valid_from_ns)
    dated = f" since {since}" if since else ""
    yield _text("rule", f"{_safe(rules.rule_id)}{dated}: {_safe(rules.source)}")
    since = day_of(tiers.valid_from_ns)
    dated = f"since {since}: " if since else ""
    yield _text("tiers", f"{dated}{_safe(tiers.source)}")
    if chain is not None:
        seen = chain.around.seen
        sources = dict.fromkeys(layer.source for layer in chain.around.ladder.layers)
        named = [*sources, *([] if seen is None else [seen.source])]
        yield _text("sources", _safe("; ".join(named)))
    assumed = [*facts.assumed, *([] if chain is None else chain.assumed)]
    for number, said in enumerate(assumed):
        yield _text("assumed" if number == 0 else "", _safe(said))


def _safe(text: str) -> str:
    return escape_terminal(text)
