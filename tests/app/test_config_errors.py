"""Sentences about what is wrong: the place, the range, and how many more there are."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from airpocket.app.config_errors import Origin, refusal


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int | None = Field(default=None, ge=2, le=9)
    url: SecretStr | None = None
    word: str = "x"


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: Inner = Inner()
    many: dict[str, Inner] = {}
    rows: tuple[Inner, ...] = ()


def told(table: object, **variables: str) -> str:
    named = {tuple(v.lower().split("__")[1:]): (v, "") for v in variables}
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(table)
    return refusal(caught.value, Outer, Origin(Path("a.toml"), named))


def test_the_range_is_that_of_the_field_however_deep() -> None:
    assert told({"inner": {"size": 1}}) == "a.toml: inner.size is 1, not a number from 2 to 9"
    assert told({"many": {"k": {"size": 10}}}) == (
        "a.toml: many.k.size is 10, not a number from 2 to 9"
    )
    assert "rows.0.size is '?', not a whole number from 2 to 9" in told({"rows": [{"size": "?"}]})


def test_a_variable_is_named_where_one_set_it() -> None:
    assert told({"inner": {"size": 1}}, A__INNER__SIZE="") == (
        "environment: A__INNER__SIZE is 1, not a number from 2 to 9"
    )
    assert told({"inner": {"size": 1}}, A__MANY="").startswith("a.toml: inner.size")


def test_an_unknown_key_comes_first_and_the_rest_is_counted() -> None:
    assert told({"inner": {"size": 1, "sise": 2}}) == (
        "a.toml: inner.sise is not a setting; did you mean size? (and one more)"
    )
    assert told({"inner": {"size": 1}, "rows": [{"size": 1}, {"size": 1}]}).endswith(
        "(2 more like this)"
    )
    assert "the sections are inner, many, rows" in told({"zzz": 1})
    assert "inner may have size, url, word" in told({"inner": {"zzz": 1}})


@pytest.mark.parametrize("value", ["https://x/y", "whsec_abc", "x" * 50, {"a": "hush"}, ["hush"]])
def test_values_that_may_be_secrets_are_not_repeated(value: object) -> None:
    sentence = told({"inner": {"size": value}})
    assert str(value) not in sentence
    assert "hush" not in sentence
    assert sentence == "a.toml: inner.size is not a whole number from 2 to 9"


def test_a_secret_of_the_wrong_kind_is_not_repeated() -> None:
    assert told({"inner": {"url": 12345}}) == "a.toml: inner.url is not a text"
