"""The error tree of openprima.

A message is one line that names the thing, what was found, what was expected and the remedy. It never holds a
patient's name, an identifier or report text.
"""


class PrimaError(Exception):
    """Base of every error that openprima raises on purpose; its text is fit to be shown to a user."""


class UsageError(PrimaError):
    """The call itself is wrong (exit status 2)."""


class UnreadableError(PrimaError):
    """A file or series cannot be read: broken, truncated, not permitted, or of an unknown kind."""


class ReleaseError(PrimaError):
    """A release folder is incomplete, altered, or of a format this version does not read."""


class CheckpointError(PrimaError):
    """A foreign checkpoint cannot be converted: it names something not allowed, or its layout is unknown."""


class MissingDependencyError(PrimaError):
    """An optional package is needed and absent; the text holds the line that installs it."""


class ArchiveError(PrimaError):
    """An archive cannot be used: it is none, is newer than this version, is being written, or its disk is full."""


class PeerError(PrimaError):
    """Another system on the network cannot be reached, refuses us, or answers with an error."""


class TrainingError(PrimaError):
    """Training cannot go on: a loss is not finite, or a checkpoint cannot be written or read."""
