"""Thresholds of the detector: every number of every transition in one place."""

from msgspec import Struct

from airpocket.errors import InputError
from airpocket.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS

__all__ = ["DetectorConfig"]


class DetectorConfig(Struct, frozen=True, kw_only=True):
    """What counts as a cascade, and as its end, for bins of one width.

    Parameters
    ----------
    bin_ns
        Width of the bins.
    windows
        Windows of the flow statistic, in bins.
    score_alone, score_unconfirmed, score_together, score_shock
        Flow score that one symbol needs with the price moving along; without any price; as one
        of several symbols at once; from trades alone.
    together_share, together_least
        Share of the watched symbols, and least number, that must pass within ``together_ns``.
    move_least, move_sigmas, horizon_ns
        Price confirmation: a move of at least ``max(move_least, move_sigmas × sigma)`` over the
        horizon, in the direction of the flow (science.md §2.7).
    least_usd, least_usd_unconfirmed, least_count
        Absolute size below which nothing is an episode, however quiet the baseline; more is asked
        where no price is seen to confirm it.
    guard_ns, mean_half_life_ns, spread_half_life_ns
        Lag and half-lives of the baseline.
    recent_ns, exhausted_multiple, exhausted_share, exhausted_ns
        EXHAUSTED once the flow of the last ``recent_ns`` stayed below ``exhausted_multiple`` ×
        baseline, or below ``exhausted_share`` of the episode's largest wave bin, for
        ``exhausted_ns``. The share is for sparse baselines, of which any single print is many.
    rekindled_multiple, rekindled_share
        EXHAUSTED → CASCADE (next wave) at this multiple of the baseline (above
        ``exhausted_multiple`` by design) and this share of the episode's largest wave bin.
    snapback_share
        Part of the price leg that must be regained for SNAPBACK.
    settled_ns, settled_sigmas, settled_depth
        SETTLED after so long with the flow quiet (its mean over that time below
        ``exhausted_multiple`` × baseline: no share helps here), the price within
        ``settled_sigmas`` × its random-walk range, and depth at this share of its normal (where
        each is observed).
    building_share
        BUILDING at this share of the score needed (context only), CALM again at half of it.
    reference_ns
        The leg's reference is the median price of this long before the onset.
    provisional_ns
        Below this much history a baseline is called provisional.
    wave_ns
        Bin of the wave count.
    thaw_ns
        An episode older than this no longer freezes its baseline: a new regime, not a cascade.
    """

    bin_ns: int
    windows: tuple[int, ...]
    score_alone: float = 12.0
    score_unconfirmed: float = 30.0
    score_together: float = 10.0
    score_shock: float = 20.0
    together_share: float = 0.25
    together_least: int = 5
    together_ns: int = 10 * SECOND_NS
    move_least: float = 0.005
    move_sigmas: float = 4.0
    horizon_ns: int = 60 * SECOND_NS
    least_usd: float = 250_000.0
    least_usd_unconfirmed: float = 1_000_000.0
    least_count: int = 5
    guard_ns: int = 130 * SECOND_NS
    mean_half_life_ns: int = 30 * MINUTE_NS
    spread_half_life_ns: int = 2 * HOUR_NS
    recent_ns: int = 60 * SECOND_NS
    exhausted_multiple: float = 2.0
    exhausted_share: float = 0.01
    exhausted_ns: int = 120 * SECOND_NS
    rekindled_multiple: float = 5.0
    rekindled_share: float = 0.25
    snapback_share: float = 1.0 / 3.0
    settled_ns: int = 10 * MINUTE_NS
    settled_sigmas: float = 4.0
    settled_depth: float = 0.5
    building_share: float = 0.5
    reference_ns: int = 5 * MINUTE_NS
    provisional_ns: int = 30 * MINUTE_NS
    wave_ns: int = MINUTE_NS
    thaw_ns: int = DAY_NS

    @classmethod
    def for_width(cls, bin_ns: int) -> "DetectorConfig":
        """Thresholds for bins of a width: ticks in seconds, or sums of minutes, hours, days.

        Raises
        ------
        InputError
            If the width is not positive.

        Examples
        --------
        >>> DetectorConfig.for_width(1_000_000_000).windows[-1]
        256
        """
        if bin_ns <= 0:
            raise InputError(f"bin width {bin_ns} ns: it must be positive")
        if bin_ns <= 10 * SECOND_NS:
            return cls(bin_ns=bin_ns, windows=_doubling(max(1, 256 * SECOND_NS // bin_ns)))
        if bin_ns < HOUR_NS:
            # Minutes: sparse exact events (loan calls are stamped with the block) or minute sums.
            return cls(
                bin_ns=bin_ns,
                windows=_doubling(max(1, 6 * HOUR_NS // bin_ns)),
                # Loan calls are a census, and the oracle's price is what triggers them: none is
                # needed to confirm.
                score_unconfirmed=12.0,
                together_ns=bin_ns,
                move_least=0.01,
                horizon_ns=max(bin_ns, 10 * MINUTE_NS),
                least_usd=1_000_000.0,
                guard_ns=2 * HOUR_NS,
                mean_half_life_ns=14 * DAY_NS,
                spread_half_life_ns=28 * DAY_NS,
                recent_ns=max(bin_ns, 30 * MINUTE_NS),
                exhausted_ns=max(bin_ns, 30 * MINUTE_NS),
                settled_ns=6 * HOUR_NS,
                reference_ns=max(bin_ns, 30 * MINUTE_NS),
                provisional_ns=7 * DAY_NS,
                wave_ns=max(bin_ns, HOUR_NS),
                thaw_ns=14 * DAY_NS,
            )
        # Sums of hours and more: one bin already holds a whole wave, sizes of single prints are
        # unknown, and the baseline needs days to know its own spread.
        return cls(
            bin_ns=bin_ns,
            windows=(1, 2, 4),
            together_ns=bin_ns,
            move_least=0.01,
            move_sigmas=3.0,
            horizon_ns=bin_ns,
            least_usd=1_000_000.0,
            guard_ns=2 * bin_ns,
            mean_half_life_ns=14 * DAY_NS,
            spread_half_life_ns=28 * DAY_NS,
            recent_ns=bin_ns,
            exhausted_ns=bin_ns,
            settled_ns=8 * bin_ns,
            reference_ns=bin_ns,
            provisional_ns=7 * DAY_NS,
            wave_ns=bin_ns,
            thaw_ns=14 * DAY_NS,
        )

    def bins(self, span_ns: int) -> int:
        """Bins in a span of time, at least one."""
        return max(1, span_ns // self.bin_ns)


def _doubling(longest: int) -> tuple[int, ...]:
    windows = [1]
    while windows[-1] * 2 <= longest:
        windows.append(windows[-1] * 2)
    return tuple(windows)
