"""What a user can put right. The command line prints the message as one line and exits with status 2."""


class UserError(Exception):
    """Bad input. The message is one line: what is wrong, where, and what to do."""


class DataError(UserError):
    """A corpus or a file is there and broken."""


class DataUnavailable(DataError):
    """A corpus is neither here nor to be had. The cell is marked skipped, and its suite goes on."""


class StorageError(UserError):
    """The system does not let results be written: a full disk, a folder without leave. Ends a suite, for no cell could
    leave its record."""


class BrokenFile(DataError, ValueError):
    """A file of a results folder is not what `bench` writes. Its readers have always raised ValueError, so it is one."""
