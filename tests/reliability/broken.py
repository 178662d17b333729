"""A task that does what cells die of."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass

from bench.data.examples import TaskData
from bench.tasks.reverse import Reverse


@dataclass
class Broken(Reverse):
    """fault: `exception`, `kill` (as the kernel does where memory is out), `sleep`."""

    fault: str = "exception"

    def load(self) -> TaskData:
        if self.fault == "exception":
            raise RuntimeError("broken on purpose")
        if self.fault == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "sleep":
            time.sleep(3600)
        return super().load()
