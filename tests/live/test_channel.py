import copy
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airpocket.live.channel import ChannelKind, ChannelSpec, Secret, printable

CANARY = "canary-8c1f-token"


def test_a_secret_is_shown_nowhere() -> None:
    spec = ChannelSpec(
        name="chat", kind=ChannelKind.APPRISE, url=Secret(f"tgram://{CANARY}"), secrets=(Secret(CANARY),)
    )  # fmt: skip
    secret = spec.url
    shown = [repr(spec), str(spec), f"{spec}", repr(secret), str(secret), f"{secret}", f"{secret!s:>90}"]  # fmt: skip
    shown += [repr([secret]), repr({"a": secret}), "%s" % secret, repr(vars(type(secret)))]  # noqa: UP031
    assert not any(CANARY in text for text in shown)
    for write in (pickle.dumps, copy.deepcopy, msgspec.json.encode, msgspec.msgpack.encode):
        with pytest.raises(TypeError) as caught:
            write(secret)
        assert CANARY not in str(caught.value)
    assert secret.reveal() == f"tgram://{CANARY}"


def test_secrets_are_compared_and_hashed_by_their_text() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != "a"
    assert not Secret("")
    assert Secret("\ud800") != Secret("\udfff")


@given(st.text(), st.integers(1, 300))
def test_what_is_logged_is_one_short_line(text: str, most: int) -> None:
    shown = printable(text, most)
    assert shown.isprintable()
    assert len(shown) <= most


def test_control_codes_are_shown() -> None:
    assert printable("a\n\x1b[2J\u202eb") == "a\\n\\x1b[2J\\u202eb"
