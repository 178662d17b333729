"""A command of bench as on another machine: MACHINE SKEW WORD... Its file system has no locks, and its clocks differ
from the real ones by SKEW seconds."""

from __future__ import annotations

import errno
import os
import sys
import time

from bench import __main__
from bench.system import leases, locks


def main() -> int:
    machine, skew, *words = sys.argv[1:]
    day, monotonic = time.time, time.monotonic
    time.time = lambda: day() + float(skew)
    time.monotonic = lambda: monotonic() + float(skew)
    leases.machine = lambda: machine

    def unsupported(_: object) -> bool:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    locks._lock = unsupported
    return __main__.main(words)


if __name__ == "__main__":
    sys.exit(main())
