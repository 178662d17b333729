"""Errors that a user can fix. The command line prints the message as one line and exits with status 2."""


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, where, and what to do."""


class DataError(UserError):
    """A corpus or a data file exists but is broken."""


class DataUnavailable(DataError):
    """A corpus has no local copy and cannot be fetched. The cell is recorded as skipped, and its suite continues."""


class StorageError(UserError):
    """Results cannot be written (disk full, permission denied). The suite stops, because no record could be saved."""


class BrokenFile(DataError, ValueError):
    """A file of a results folder is not in the form that `bench` writes. Also a ValueError, which the functions that
    read results document."""


def reason(error: Exception) -> str:
    """The cause of an error as one line: the system's own words for an OSError, else the message, else the class.

    >>> reason(ValueError("two\\nlines")), reason(FileNotFoundError(2, "No such file")), reason(EOFError())
    ('two lines', 'No such file', 'EOFError')
    """
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def last_line(error: BaseException) -> str:
    """The last line of an error's message, where other programs say what is wrong; else the class.

    >>> last_line(ValueError("trace\\nthe cause ")), last_line(EOFError())
    ('the cause', 'EOFError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
