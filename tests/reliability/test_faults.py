"""The quick part of `make reliability`: a kill, a stop, a full disk and a limit on files in whole runs, and torn
records; the other tests of this folder are the rest of it."""

from __future__ import annotations

import random

import pytest

from tests.reliability.bed import Bed
from tests.reliability.faults import FAULTS, Fault, Impossible


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Bed:
    return Bed(tmp_path_factory.mktemp("reliability"))


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.quick], ids=lambda fault: fault.name)
def test_nothing_is_lost(fault: Fault, bed: Bed) -> None:
    for number in range(fault.quick):
        try:
            fault.inject(bed, random.Random(f"{fault.name} {number}"))
        except Impossible as error:
            pytest.skip(str(error))
