"""What an alert may not say: the words, phrases, keys and signs of advice.

Plain data, read by :mod:`airpocket.alerts.linter`. The lists are strict because they can be: the
templates of :mod:`airpocket.alerts.wording` are ours, so a banned word costs them a synonym, while
a missed one costs a reader money. What stays allowed is what a fact needs: ``longs`` and ``shorts``
as people whose positions were closed, ``forced sells``, ``short squeeze``, ``all clear``.

Every pattern is matched against folded text (:mod:`airpocket.alerts.folding`): lower case, single
spaces. None nests quantifiers or repeats one without a bound, so matching is linear (S21).
"""

import re
from typing import Final

__all__ = ["CHINESE", "HIDDEN", "KEYS", "PHRASES", "SIGNS", "WORDS"]


def _each(rule: str, words: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), rule)


def _any(words: str) -> str:
    return f"(?:{'|'.join(words.split())})"


def _shape(rule: str, *patterns: str) -> tuple[str, re.Pattern[str]]:
    # One look for the start of a word spares most places the trial of every alternative.
    at_word = [one.removeprefix(r"\b") for one in patterns if one.startswith(r"\b")]
    others = [one for one in patterns if not one.startswith(r"\b")]
    return rule, re.compile("|".join((rf"\b(?:{'|'.join(at_word)})", *others)))


# Single words, refused wherever they stand.
WORDS: Final[dict[str, str]] = {
    **_each("entry", "entry entries reentry enter enters entering entered"),
    **_each("exit", "exit exits exiting exited"),
    **_each("stop", "stop stops stopped stopping stoploss stoplosses"),
    **_each("target", "target targets targeting targeted tp tp1 tp2 tp3 tp4 sl"),
    **_each("profit", "profit profits profitable takeprofit roi pnl"),
    **_each("order to trade", "longing shorting scalp scalping dca hodl yolo btfd allin"),
    **_each("order to trade", "accumulate accumulating averaging"),
    **_each("advice", "should shouldn shall must ought recommend recommends recommended"),
    **_each("advice", "recommendation recommendations suggest suggests suggested suggestion"),
    **_each("advice", "advice advise advises advised consider avoid beware careful"),
    **_each("advice", "you your yours yourself traders"),
    **_each("forecast", "likely unlikely likelihood probably probable expect expects expected"),
    **_each("forecast", "expecting expectation will wont gonna imminent imminently inevitable"),
    **_each("forecast", "predict predicts predicted prediction forecast forecasts anticipate"),
    **_each("forecast", "anticipates anticipated might could bounce bounces bouncing rebound"),
    **_each("forecast", "rebounds rally rallies reversal breakout breakdown upside downside"),
    **_each("judgement", "opportunity opportunities opportune bullish bearish bull bear bulls"),
    **_each("judgement", "bears oversold overbought undervalued overvalued cheap bargain"),
    **_each("judgement", "guarantee guaranteed guarantees confluence conviction setup setups"),
    **_each("judgement", "fomo dip dips"),
    **_each("size", "sizing oversize undersize leverage leveraged"),
}

_SIDE: Final = "(?:long|short)"
_TRADE: Final = "(?:buy|buys|buying|sell|sells|selling)"
_LEVEL: Final = r"\$?\d"
_PERSON: Final = "(?:liquidations?|positions?|side|squeezes?|cascades?|book)"  # "long liquidations"
_BEFORE_SIDE: Final = _any(
    "go goes going went get be being stay staying flip flipping lean bias biased play add adding "
    "enter open opening hold holding keep take taking favou?rs? prefers? want try new fresh safe "
    "great good nice perfect ideal a the"
)
_AFTER_SIDE: Final = _any(
    r"now here at it this that the them from into above below around near with again term setup "
    r"idea bias signal calls? puts? btc eth bitcoin ether \d \$\d @"
)
_AFTER_TRADE: Final = _any(
    rf"now here at(?!.least|.most) the it this them some more into above below around {_LEVEL}"
)
_TAKE: Final = _any(
    "add fade catch load grab chase scale ladder average ape jump get pile place put set leave "
    "rest cancel close cut reduce trim hedge cover protect secure bank lock take"
)
_TAKEN: Final = _any(
    "in into out up down the this it at all half some more here now around near an? gains? "
    "loss(?:es)? positions? exposure risk"
)
_RATIO: Final = "(?:risk|reward)(?: ?[:/] ?| to | )(?:risk|reward)"
_MEET: Final = _any(
    "reclaim break hold lose defend sweep retest retrace reach hit tag test clears clearing "
    "support resist invalidat"
)

# Shapes of several words, in folded text.
PHRASES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    _shape(
        "order to trade",
        # "Forced sells" and "forced buying" are facts; every other buy or sell is an order.
        rf"\b(?<!forced )(?<!forced market )(?<!forcibly ){_TRADE}\b",
        rf"\b{_TRADE} {_AFTER_TRADE}",
        rf"\b{_BEFORE_SIDE} {_SIDE}\b(?! {_PERSON}\b)",
        rf"\b{_SIDE} {_AFTER_SIDE}",
        # A bare "LONG", or a sentence that begins with it, is a direction to trade.
        rf"^[^a-z0-9]{{0,9}}{_SIDE}[^a-z0-9]{{0,9}}$",
        rf"(?:^|[.!?;:] ?){_SIDE} (?!{_PERSON}\b)",
        rf"\b{_TAKE} {_TAKEN}\b",
        r"\b(?:bids?|offers?) (?:at|near|around|here|now|the|it|below|above)\b",
        r"\b(?:watch|look|wait|looking|waiting|watching) (?:for|out|to)\b|\bkeep an eye\b",
    ),
    _shape(
        "advice",
        r"\b(?:time|chance|good|smart|wise|safe|best|better|need|needs|have|has) to\b",
        r"\bdo ?n.?t (?:miss|wait|sell|buy|touch|panic|fight)\b",
        r"\bstay (?:out|away|safe)\b",
    ),
    _shape(
        "forecast",
        r"\b(?:going|about|set|due|poised|ready|bound|certain|sure) to\b",
        r"\bif (?:it|price|btc|eth|this) (?:breaks?|holds?|loses?|reclaims?|falls?|rises?)\b",
        r"\b(?:to the moon|mooning|next leg|bottom is|bottom in|top is in)\b",
    ),
    _shape(
        "price and verb",
        rf"\b{_MEET}(?:s|es|ed|ing|ance)? (?:of |above |below |at |to |near |is ){{0,2}}{_LEVEL}",
        rf"\b(?:support|resistance|invalid(?:ation)?) (?:at|near|level|zone|below|above|{_LEVEL})",
    ),
    _shape(
        "size",
        r"\b(?:position|order|trade|bet|lot|half|full|small|max|clip) sized?\b",
        rf"\bsize (?:of|up|down|in|is|=|:)(?![a-z])|\bsize ?[:=]? ?{_LEVEL}",
        r"\b\d{1,4}(?:\.\d{1,3})? ?[x×] ?(?:lev|leverage|long|short|margin|cross|isolated)\b",
        r"\b(?:leverage|lev) (?:of|up|down|is|=|:)|\b(?:leverage|lev) ?[:=]? ?\d",
        r"\b(?:use|using|with|low|high|more|less|max|no) leverage\b|\buse \d{1,4} ?[x×]",
        r"\b(?<!to )risk (?:only )?\d",
        r"\b\d{1,3} ?% of (?:equity|capital|account|portfolio|bankroll)\b",
    ),
    _shape(
        "reward against risk to take",
        r"\br ?[:/] ?r\b|\brr ?[:=]? ?\d|\b\d{1,3}(?:\.\d{1,3})? ?rr?\b",
        rf"\b{_RATIO}(?: ratio)? ?(?:of|is|=|:)? ?\d{{1,3}}(?:\.\d{{1,3}})?(?! ?%)(?![\d.])",
    ),
)

# Names of JSON keys, columns and attributes, one word each after splitting at "_" and capitals.
KEYS: Final = frozenset(
    _each(
        "key",
        "action advice amount bias direction leverage lot lots order orders plan plans position "
        "qty quantity rr size sizes trade trades",
    )
)

# Advice with its letters set apart ("e n t r y"): searched in the letters joined again.
HIDDEN: Final = tuple(
    _each(
        "letters set apart",
        "entry stop target buy sell long short should profit leverage recommend likely expect "
        "opportunity",
    )
)

# A symbol may carry Chinese characters (Binance lists such), so the commonest orders are known:
# buy, sell, go long, go short, stop, take profit, target price, add, open, leverage, bottom.
CHINESE: Final = tuple(
    _each(
        "order to trade",
        "买入 卖出 買入 賣出 做多 做空 止损 止損 止盈 目标价 目標價 加仓 开仓 抄底 杠杆 看涨 看跌 "
        "建议 机会 看多 看空",
    )
)

# Signs that stand for a direction or an urge, as text. (Arrows and pictographs are refused by the
# alphabet: only ASCII, Chinese and a few typographic signs may appear at all.)
SIGNS: Final = re.compile(
    r"[-=~]>|<[-=~]|>{3}|\^\^"
    r"|:(?:rocket|chart|arrow|moon|money|fire|bull|bear|green|red|small_red|up|point)[a-z_]{0,40}:"
)
