"""The one error of REST."""

from airpocket.errors import AirpocketError
from airpocket.live.rest_client import RestError, RestFault


def test_an_error_carries_what_the_venue_said() -> None:
    error = RestError(RestFault.LIMITED, "okx trades: HTTP 429", status=429, retry_after_s=3.0)
    assert isinstance(error, AirpocketError)
    assert (str(error), error.fault, error.status, error.retry_after_s) == (
        "okx trades: HTTP 429", RestFault.LIMITED, 429, 3.0,
    )  # fmt: skip
