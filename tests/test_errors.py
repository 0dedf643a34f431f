"""What airpocket raises can be caught as one, or as what Python calls it."""

import pytest

from airpocket import errors

_ALL = [getattr(errors, name) for name in errors.__all__]


@pytest.mark.parametrize("error", _ALL)
def test_everything_raised_on_purpose_is_an_airpocket_error(error: type[Exception]) -> None:
    assert issubclass(error, errors.AirpocketError)
    assert error.__doc__


def test_bad_input_is_a_value_error_and_broken_promises_are_not() -> None:
    bad_input = {error for error in _ALL if issubclass(error, ValueError)}
    assert bad_input == {errors.InputError, errors.SourceError, errors.LimitError}
    assert all(issubclass(error, errors.InputError) for error in bad_input)
    assert not issubclass(errors.TapeError, errors.InputError)
    assert not issubclass(errors.FactsOnlyError, errors.InputError)
