"""The worked examples of venue_vectors.json, and the bounds within which they must be met."""

import json
from pathlib import Path
from typing import Any

import pytest

__all__ = ["near", "vectors_of"]


def vectors_of(data_dir: Path, venue: str, *, feeds: bool = False) -> dict[str, dict[str, Any]]:
    """Worked examples of a venue by id; messages of its feed are left to the tests of its wire."""
    listed = json.loads((data_dir / "venue_vectors.json").read_text(encoding="utf-8"))
    return {
        vector["id"]: vector
        for vector in listed
        if vector["venue"] == venue and (feeds or vector["kind"] != "feed_parse")
    }


def near(vector: dict[str, Any]) -> Any:
    """What a figure must equal, within the vector's own tolerance and no more."""
    bound = vector["tolerance"]
    if bound.get("exact"):
        return vector["expected"]
    return pytest.approx(vector["expected"], rel=bound.get("rel", 0.0), abs=bound.get("abs", 0.0))
