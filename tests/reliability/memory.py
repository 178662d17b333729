"""How much memory 2,000 training steps leave behind, measured in a process of its own: ARM SEED."""

from __future__ import annotations

import gc
import json
import sys
import tempfile
from pathlib import Path

STEPS = 2000
WARM = 400
"""Steps after which what is allocated once has been."""

TOKENS = 120
"""In a batch."""

ALLOWED = 8 << 20
"""Bytes: what the allocator may hold more at the end than after WARM steps, batches being of changing shapes."""


def resident() -> int:
    """Bytes of this process in memory now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def main() -> None:

    from bench.seeding import numpy_generator
    from bench.system.torch_setup import set_up_torch
    from bench.tasks.reverse import Reverse
    from bench.training.batches import Batcher
    from bench.training.checkpoint import CheckpointStore
    from bench.training.config import TrainingConfig
    from bench.training.progress import Silent
    from bench.training.trainer import Trainer
    from tests.contract.arms import build

    arm, seed = sys.argv[1], int(sys.argv[2])
    set_up_torch(1)
    data = Reverse(symbols=12, train_longest=6, test_longest=8, train_size=2000, valid_size=20, test_size=5).load()
    an_epoch = len(Batcher(data.train, TOKENS).plan(numpy_generator(seed, "order", 0)))
    settings = TrainingConfig(epochs=STEPS / an_epoch, batch_tokens=TOKENS, validations=10, average=3)
    model = build(arm, shared=True, seed=seed, dropout=0.2)
    trainer = Trainer(model, data.train, data.valid, settings, seed)

    class Watch(Silent):
        seen: dict[int, int] = {}

        def advance(self, done: int, note: str = "") -> None:
            self.seen[done] = resident()

    with tempfile.TemporaryDirectory() as folder:
        sizes, store = [], CheckpointStore(Path(folder))
        save = store.save

        def counted(state: dict) -> None:
            save(state)
            sizes.append(store.latest.stat().st_size)

        store.save = counted
        watch = Watch()
        trainer.run(store, watch)
    after = {step: held for step, held in watch.seen.items() if step >= WARM}
    first, last = after[min(after)], after[max(after)]
    # The first validations' states have fewer checkpoints for the average than the later ones.
    print(json.dumps({"steps": trainer.history.steps, "grown": last - first, "states": sizes[3:]}))


if __name__ == "__main__":
    main()
