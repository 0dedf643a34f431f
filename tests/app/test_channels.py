"""Configured channels become what the sinks take; secrets come from files that are private."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from airpocket.app.channels import DEFAULT, channel_specs, secrets_of
from airpocket.app.config import Settings
from airpocket.app.settings import Channel
from airpocket.errors import InputError
from airpocket.live.channel import ChannelKind, Secret

SECRET = "whsec_" + "c2VjcmV0" * 5
OTHER = "whsec_" + "b3RoZXJz" * 5


def hidden(folder: Path, text: str, mode: int = 0o600) -> str:
    file = folder / "secret"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def of(**channels: Mapping[str, object]) -> Settings:
    return Settings(channels={name: Channel.model_validate(one) for name, one in channels.items()})


def test_without_channels_alerts_and_health_go_to_the_log() -> None:
    alerts, health = channel_specs(Settings())
    assert (alerts.name, alerts.kind, alerts.is_health_route) == (DEFAULT, ChannelKind.LOG, False)
    assert (health.kind, health.is_health_route) == (ChannelKind.LOG, True)


def test_health_is_never_nowhere() -> None:
    specs = channel_specs(of(health_log={"kind": "jsonl", "path": "x"}))
    assert [spec.is_health_route for spec in specs] == [False, True]
    assert len({spec.name for spec in specs}) == 2
    own = channel_specs(of(ops={"kind": "log", "health": True}))
    assert [(spec.name, spec.is_health_route) for spec in own] == [("ops", True)]


def test_secrets_come_from_their_files(tmp_path: Path) -> None:
    file = hidden(tmp_path, f"{SECRET}\n\n{OTHER}\n")
    hook = {"kind": "webhook", "url": "https://x.example/p", "secrets_file": file}
    specs = channel_specs(of(hook=hook))
    assert specs[0].secrets == (Secret(SECRET), Secret(OTHER))
    assert secrets_of(specs) == ("https://x.example/p", SECRET, OTHER)
    assert "x.example" not in repr(specs)
    assert SECRET not in repr(specs)


def test_a_service_that_apprise_does_not_know_is_refused_at_once(tmp_path: Path) -> None:
    file = hidden(tmp_path, "tgramm://s3cr3t/chat\n")
    with pytest.raises(InputError) as refused:
        channel_specs(of(phone={"kind": "apprise", "url_file": file}))
    assert str(refused.value) == (
        "channel 'phone': apprise knows no service tgramm://: did you mean tgram://?"
    )


def test_an_address_comes_from_its_file(tmp_path: Path) -> None:
    file = hidden(tmp_path, "tgram://token/chat\n")
    (spec, _) = channel_specs(of(phone={"kind": "apprise", "url_file": file, "rate_per_min": 9}))
    assert spec.url.reveal() == "tgram://token/chat"
    assert spec.rate_per_min == 9


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ("tgram://token/chat", 0o644, "chmod 600"),
        ("", 0o600, "holds no secret"),
        ("\n \n", 0o600, "holds no secret"),
        ("a\nb\n", 0o600, "holds 2 lines, not one"),
        ("x" * 5_000, 0o600, "holds no secret"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, mode: int, told: str) -> None:
    settings = of(phone={"kind": "apprise", "url_file": hidden(tmp_path, text, mode)})
    with pytest.raises(InputError, match=told) as caught:
        channel_specs(settings)
    assert "token" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        channel_specs(of(phone={"kind": "apprise", "url_file": str(tmp_path / "nowhere")}))
    with pytest.raises(InputError, match="no such file"):
        channel_specs(of(phone={"kind": "apprise", "url_file": str(tmp_path)}))


@pytest.mark.parametrize("weak", ["hunter2hunter2", "whsec_c2hvcnQ=", "whsec_ä" + "x" * 40])
def test_a_signing_secret_is_random_bytes_and_enough_of_them(weak: str) -> None:
    hook = {"kind": "webhook", "url": "https://x.example/p", "secrets": [weak]}
    with pytest.raises(InputError, match=r"channels\.hook\.secrets") as caught:
        channel_specs(of(hook=hook))
    assert weak not in str(caught.value).replace("whsec_ and", "")
