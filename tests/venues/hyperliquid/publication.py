"""A small folder of published counts, made up: 3 seconds, 2 coins."""

import json
from pathlib import Path
from typing import Any, Final

__all__ = ["TABLE", "TIMING", "publish"]

TIMING: Final[dict[str, Any]] = {
    "event_start": "2025-10-10T21:15:03.127372+00:00",
    "first_liquidation": "2025-10-10T21:15:03.127372+00:00",
    "first_adl": "2025-10-10T21:16:04.831874+00:00",
    "timeline": [
        {"second": 0, "liquidations": 4, "adls": 0},
        {"second": 61, "liquidations": 7, "adls": 3},
        {"second": 63, "liquidations": 1, "adls": 1},
    ],
}
TABLE: Final = """ticker,liq_notional,adl_notional,total_notional,liq_events,adl_events
BTC,900.0,300.0,1200.0,8,4
YZY,50.0,0.0,50.0,4,0
"""


def publish(folder: Path, *, timing: Any = TIMING, table: str = TABLE) -> Path:
    """Write the folder."""
    folder.mkdir(exist_ok=True)
    text = timing if isinstance(timing, str) else json.dumps(timing)
    (folder / "cascade_timing_results.json").write_text(text)
    (folder / "combined_impact_by_ticker.csv").write_text(table)
    header = "coin,leverage_realtime,is_negative_equity\n"
    (folder / "adl_by_coin_REALTIME.csv").write_text(header)
    return folder
