"""Findings carry a code, a place and a sentence."""

import msgspec
import pytest

from airpocket.market.quality import Finding, FindingCode


def test_a_finding_is_read_back_from_json_as_what_it_was() -> None:
    finding = Finding(code=FindingCode.CLOCK_SKEW, where="local", said="Behind.", count=3)
    data = msgspec.json.encode(finding)
    assert b'"clock_skew"' in data
    assert msgspec.json.decode(data, type=Finding) == finding
    assert finding.from_ns is None


def test_a_finding_needs_a_code_a_place_and_a_sentence() -> None:
    for field in msgspec.structs.fields(Finding):
        assert field.required is (field.name in {"code", "where", "said"})
    with pytest.raises(msgspec.ValidationError, match="made_up"):
        msgspec.convert({"code": "made_up", "where": "", "said": ""}, Finding)


def test_codes_are_their_names_in_small_letters() -> None:
    assert all(code.value == code.name.lower() for code in FindingCode)
