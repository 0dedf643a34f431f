"""Errors of the transport carry what a feed decides by."""

from airpocket.live.transport import ClosedError, ConnectError, ConnectFault


def test_a_refusal_says_status_and_pause() -> None:
    error = ConnectError(ConnectFault.STATUS, "no", status=429, retry_after_s=30.0)
    assert (error.fault, error.status, error.retry_after_s, str(error)) == (
        ConnectFault.STATUS, 429, 30.0, "no",
    )  # fmt: skip


def test_an_end_says_its_code() -> None:
    assert ClosedError("over", code=1009).code == 1009
    assert ClosedError("reset").code is None
