"""Errors that a person can mend.

Everything the command line shows without a traceback is a `FirstFaultError`: one line that names
what is wrong, and a hint that says what to do. Anything else is a bug of ours and keeps its traceback.
"""


class FirstFaultError(Exception):
    """Base of all errors whose cause lies in what the user gave.

    Args:
        message: One line that names the file, field or value at fault.
        hint: What to do about it, as a sentence.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(FirstFaultError):
    """A configuration that can't be run: an unknown key, an impossible value, an unknown name."""


class InputError(FirstFaultError):
    """A file that can't be used: missing, malformed, empty, or not about the problems at hand."""


class ModelError(FirstFaultError):
    """A model folder that can't be used: no weights, no tokenizer, no chat template."""


class EndpointError(FirstFaultError):
    """An endpoint that can't be used: unreachable, a refused key, an unknown model, a spent quota."""


class HubError(FirstFaultError):
    """A repository on the Hub that can't be used: no permission, moved on, taken, out of reach."""


class LeakError(FirstFaultError):
    """Something that must not be published: a key, an e-mail address, a person's name."""
