"""An alert that was opened and has not ended: what a desk goes on with after a restart."""

from typing import final

from msgspec import Struct

from airpocket.alerts.alert import Signal

__all__ = ["OpenAlert"]


@final
class OpenAlert(Struct, frozen=True, kw_only=True):
    """One open id, as far as it was told.

    Parameters
    ----------
    alert_id, signal, scope, side
        As in :class:`airpocket.alerts.alert.InformationalAlert`; ``scope`` is the label
        (:func:`airpocket.alerts.names.instrument_label`).
    onset_ns
        Of the opening: the one that the id was made of.
    time_ns, sequence
        Of the last alert filed.
    updates
        How many updates were filed.
    episode_key
        Key under which its episode is kept, ``None`` if none is.
    """

    alert_id: str
    signal: Signal
    scope: str
    side: str | None
    onset_ns: int
    time_ns: int
    sequence: int
    updates: int
    episode_key: str | None = None
