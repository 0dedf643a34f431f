"""Everything airpocket raises on purpose.

::

    AirpocketError
    ├── InputError            something the caller gave cannot be used; the CLI exits with 2
    │   ├── SourceError       a file or folder that is not a readable recording
    │   └── LimitError        a size limit was passed (inflated bytes, nesting, entries)
    ├── TapeError             the tape cannot promise what it promises
    ├── StateError            the state file cannot
    └── FactsOnlyError        an alert tried to say something that is not a fact

Bad *frames* never raise: exchange data is untrusted, so a wire returns what it could not use
beside what it could (:class:`airpocket.market.wire.Decoded`).
"""

__all__ = [
    "AirpocketError",
    "FactsOnlyError",
    "InputError",
    "LimitError",
    "SourceError",
    "StateError",
    "TapeError",
]


class AirpocketError(Exception):
    """Base of every error airpocket raises on purpose."""


class InputError(AirpocketError, ValueError):
    """A value, field, file or option cannot be used; the message names it and the way out."""


class SourceError(InputError):
    """A file or folder is not a recording that airpocket can read."""


class LimitError(InputError):
    """A limit that protects the machine was passed; nothing beyond it was read."""


class TapeError(AirpocketError):
    """The tape cannot be opened, written or trusted."""


class StateError(AirpocketError):
    """The state (alerts, outbox, subscriptions) cannot be opened, written or trusted."""


class FactsOnlyError(AirpocketError):
    """An alert would have carried something other than facts."""
