"""Compound's exports are known by the parameters of the event."""

from pathlib import Path

import polars as pl
import pytest

from airpocket.units import MINUTE_NS
from airpocket.venues.compound.archive import ABSORB, ARCHIVES, LIQUIDATE


@pytest.mark.parametrize("columns", [ABSORB, LIQUIDATE])
def test_each_event_is_claimed_by_one_archive(tmp_path: Path, columns: tuple[str, ...]) -> None:
    first = ",".join(columns).encode() + b"\n"
    path = tmp_path / "x.parquet"
    pl.DataFrame({name: ["1"] for name in columns}).write_parquet(path)
    for head in (first, b"\xef\xbb\xbf" + first, path.read_bytes()):
        claimed = [archive for archive in ARCHIVES if archive.claims(path, head)]
        assert len(claimed) == 1
        label = claimed[0].open(path).label
        assert (label.venue, label.width_ns, label.channels) == (
            "compound",
            10 * MINUTE_NS,
            ("liquidations",),
        )


@pytest.mark.parametrize("head", [b"", b"PAR1", b"asset,borrower\n"])
def test_other_files_are_not_claimed(tmp_path: Path, head: bytes) -> None:
    path = tmp_path / "x"
    path.write_bytes(head)
    assert not any(archive.claims(path, head) for archive in ARCHIVES)
