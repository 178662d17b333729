"""Training: the same loop, batches and schedule for every model. Depends on no concrete task and not on Hydra."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bench.data.examples import Redraw, Split
from bench.errors import UserError
from bench.seeding import numpy_generator, torch_generator
from bench.system.resources import clock
from bench.system.signals import Interrupted, Stop
from bench.training import precision, ranks
from bench.training.averaging import WeightAverager
from bench.training.batches import Batch, Batcher
from bench.training.carried_state import CarriedState
from bench.training.checkpoint import CheckpointStore, save_interval
from bench.training.config import ALWAYS, CARRIED, TrainingConfig
from bench.training.history import END, PATIENCE, History
from bench.training.optimiser import adamw
from bench.training.progress import Progress, Silent
from bench.training.teacher_forcing import training_loss, unpadded_features, validate
from bench.training.throughput import ThroughputMeter
from models.dropout import BatchShare, set_dropout_generator
from models.interface import Model

SAMPLES = 40
"""Number of throughput samples in a training."""

Measured = Callable[[Mapping[str, Any]], None]
"""What is done with a row of the curve."""


class Diverged(Exception):
    """The loss is not a finite number."""


class Trainer:
    """Trains one model. Training can stop at any step and resume bit for bit.

    Of several processes (`bench.training.ranks`), each has a trainer of the same model and data. They take the same
    steps, each on its own rows of the batches, and have the same weights after each; process 0 saves the state.

    redraw: makes new training data for every epoch from the seed and the epoch's number alone; None if every epoch
    uses `train`. Each epoch is cut into batches by its own lengths and is a whole pass, so the number of planned steps
    is summed over the epochs. measured: called with each row of the curve as it comes.
    """

    def __init__(
        self,
        model: Model,
        train: Split,
        valid: Split,
        config: TrainingConfig,
        seed: int,
        device: str = "cpu",
        redraw: Redraw | None = None,
        measured: Measured | None = None,
    ) -> None:
        self.model, self.config, self.seed, self.device, self.redraw = model, config, seed, device, redraw
        self.carried = CarriedState(model) if config.batching == CARRIED else None
        self.batcher, self.measured = Batcher(train, config.batch_tokens, device), measured
        self.drawn_epoch: int | None = None  # the epoch whose redrawn data the batcher has
        self.valid_batches = list(Batcher(valid, config.batch_tokens, device).epoch(carried=self.carried is not None))
        self.history = History()
        self.loss_sum, self.loss_tokens = torch.zeros((), device=device), 0  # since the last validation
        self.optimizer = adamw(model, config)
        self.parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        self.dropout = torch_generator(seed, "dropout", device=device)
        self.share = BatchShare()  # this process's rows of the batch
        set_dropout_generator(model, self.dropout, self.share if ranks.count() > 1 else None)
        self.stopping = False  # whether a process was asked to stop before the last step
        self.averager = WeightAverager(config.average, config.average_of)
        self.plan_sizes = [len(self.plan(epoch)) for epoch in range(math.ceil(config.epochs))]
        self.total_steps = self._count_steps()
        self.schedule = config.schedule_over(self.total_steps)

    def plan(self, epoch: int) -> list[np.ndarray]:
        """The rows of each batch of an epoch. They depend on the seed and the epoch alone, not on the model."""
        if self.carried is not None:
            return self.batcher.streams()
        if self.redraw is not None and self.drawn_epoch != epoch:
            split = self.redraw(numpy_generator(self.seed, "segmentation", epoch))
            self.batcher, self.drawn_epoch = Batcher(split, self.config.batch_tokens, self.device), epoch
        return self.batcher.plan(numpy_generator(self.seed, "order", epoch), self.config.batching)

    def _count_steps(self) -> int:
        whole = int(self.config.epochs)
        part = self.config.epochs - whole
        return max(1, sum(self.plan_sizes[:whole]) + (round(part * self.plan_sizes[whole]) if part else 0))

    def run(
        self, store: CheckpointStore | None = None, progress: Progress | None = None, stop: Stop | None = None
    ) -> History:
        """Train to the end, or until patience is exhausted, then load the weights that validation selects.

        store: where the resumable state is saved; a state already there is resumed. stop: checked after every step; on
        a request, the state is saved first. A request to one of several processes stops all after the same step.
        Raises Diverged, StorageError, Interrupted after a request, UserError where processes see different states.
        """
        progress, stop = progress or Silent(), stop or Stop()
        if store is not None:
            self._resume(store, progress)
        with stop.deferred():
            self._train(store, progress, stop)
        self._select()
        return self.history

    def _train(self, store: CheckpointStore | None, progress: Progress, stop: Stop) -> None:
        history, planned, validations = self.history, self.total_steps, self.config.validations
        progress.stage("train", planned, "steps")
        validation_steps = {round(planned * (i + 1) / validations) for i in range(validations)}
        sample_interval = max(1, planned // SAMPLES)
        epoch, position = self._position()
        batches = self._batches(epoch, position, self.plan(epoch))
        meter = ThroughputMeter(partial(clock, self.device))
        saved_at, save_every = time.monotonic(), save_interval()
        self.model.train()
        for batch in batches:
            self.loss_sum += self._step(batch, stop)
            self.loss_tokens += batch.target_tokens
            meter.add(batch.target_tokens)
            step = history.steps
            validating = step in validation_steps
            if step % sample_interval == 0:
                rate = meter.end_window()
                history.samples += [] if rate is None else [rate]
                if not validating:
                    progress.advance(step, self._note())
            stopping = self._stopping(stop)
            save_due = store is not None and (stopping or time.monotonic() - saved_at >= save_every)
            if validating or save_due:
                history.train_seconds += meter.pause()
                if validating:
                    self._validate()
                    progress.advance(step, f"valid loss {history.curve[-1]['valid_loss']:.3f}")
                if store is not None and ranks.rank() == 0:
                    store.save(self._state())
                saved_at = time.monotonic()
                meter.resume(new_window=validating)
            if stopping:
                saved = "its state is saved" if store is not None else "nothing is saved"
                progress.say(f"stopped at step {step} of {planned}; {saved}")
                raise Interrupted

    def _stopping(self, stop: Stop) -> bool:
        """Whether to stop now. A request to one of several processes counts when all know of it."""
        return stop.requested if ranks.count() == 1 else self.stopping

    def _position(self) -> tuple[int, int]:
        """The epoch of the next step, and its batch within the epoch."""
        epoch, position = 0, self.history.steps
        while position >= self.plan_sizes[epoch] and epoch + 1 < len(self.plan_sizes):
            epoch, position = epoch + 1, position - self.plan_sizes[epoch]
        return epoch, position

    def _batches(self, epoch: int, position: int, plan: list[np.ndarray]) -> Iterator[Batch]:
        """The batches from this position of an epoch's plan on, until training has stopped."""
        while self.history.stopped is None:
            if position == len(plan):
                epoch, position = epoch + 1, 0
                plan = self.plan(epoch)
            if self.carried is not None and position == 0:
                self.carried.reset()
            yield self.batcher.make(plan[position])
            position += 1

    def _step(self, batch: Batch, stop: Stop | None = None) -> Tensor:
        """Update the weights once. Returns the summed training loss as a tensor, so the device is not synchronised."""
        history = self.history
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(history.steps)
        own, counts = ranks.own_part(self.batcher, batch, self.share)
        with precision.products_in(self.config.precision, self.device):
            features, targets = unpadded_features(self.model, own, self.carried)
        # The last norm returns float32. The projection is the largest matrix product, so it gets bfloat16 features.
        features = features.bfloat16() if self.config.precision == "bf16" else features
        loss = training_loss(self.model, features, targets, self.config.label_smoothing)
        if not counts:
            loss = 0.0 * loss
        (loss / batch.target_tokens).backward()
        loss = loss.detach()
        if ranks.count() > 1:
            loss, self.stopping = ranks.sum_gradients(self.parameters, loss, stop is not None and stop.requested)
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.clip, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        history.steps += 1
        history.examples += len(batch.rows)
        history.source_tokens += batch.source_tokens
        history.target_tokens += batch.target_tokens
        history.padded_tokens += batch.padded_tokens
        return loss

    def _note(self) -> str:
        """Training loss and throughput, for display."""
        loss_sum = float(self.loss_sum)
        if not math.isfinite(loss_sum):
            raise Diverged(f"the training loss is {loss_sum} at step {self.history.steps}; lower optim.lr")
        speed = f", {self.history.samples[-1]:,.0f} target tokens/s" if self.history.samples else ""
        return f"loss {loss_sum / self.loss_tokens:.3f}{speed}"

    def _validate(self) -> None:
        """Add a row to the curve, keep the weights if they are wanted, and decide whether training stops."""
        history, train_loss = self.history, float(self.loss_sum) / self.loss_tokens
        loss, accuracy = self._timed_validation()
        self.model.train()
        if not (math.isfinite(loss) and math.isfinite(train_loss)):
            raise Diverged(f"the loss is not finite at step {history.steps}; lower optim.lr")
        history.curve.append(
            {
                "step": history.steps,
                "target_tokens": history.target_tokens,
                "seconds": round(history.train_seconds, 3),
                "train_loss": round(train_loss, 6),
                "valid_loss": round(loss, 6),
                "valid_token_accuracy": None if accuracy is None else round(accuracy, 6),
                "learning_rate": self.schedule.rate(history.steps - 1),
            }
        )
        if self.measured is not None:
            self.measured(history.curve[-1])
        lowest = loss < history.best_loss
        if lowest:
            history.best_loss, history.best_step = loss, history.steps
        self.averager.add(self.model, history.steps, loss, lowest)
        self.schedule.observe(loss)
        if history.steps == self.total_steps:
            history.stopped = END
        elif history.validations_since_best() == self.config.patience:
            history.stopped = PATIENCE
        self.loss_sum, self.loss_tokens = torch.zeros((), device=self.device), 0

    def _timed_validation(self) -> tuple[float, float | None]:
        """Loss and token accuracy of the current weights on the validation split."""
        started = clock(self.device)
        loss_and_accuracy = validate(self.model, self.valid_batches, self.carried is not None)
        self.history.validate_seconds += clock(self.device) - started
        return loss_and_accuracy

    def _select(self) -> None:
        """Load the weights of the lowest validation loss, or the average, as the configuration says."""
        history, config = self.history, self.config
        if config.average:
            self.model.load_state_dict(self.averager.average())
            loss, _ = self._timed_validation()
            if not math.isfinite(loss):
                raise Diverged("the loss of the averaged weights is not finite; lower optim.lr")
            history.average = {
                "of": config.average_of,
                "steps": self.averager.steps,
                "value": loss,
                "chosen": config.average_chosen == ALWAYS or loss < history.best_loss,
            }
        if history.average is None or not history.average["chosen"]:
            assert self.averager.best is not None, "training ends with a validation, and its loss is finite"
            self.model.load_state_dict(self.averager.best)
        self.model.eval()

    def _state(self) -> dict[str, Any]:
        """Everything needed to resume, except what the seed determines, such as the batches."""
        return {
            "model": self.model.state_dict(),
            **self.averager.state,
            "schedule": self.schedule.state,
            "optimizer": self.optimizer.state_dict(),
            "dropout": self.dropout.get_state(),
            "history": asdict(self.history),
            "loss": {"sum": self.loss_sum, "tokens": self.loss_tokens},
            "carried": {} if self.carried is None else self.carried.state,
        }

    def _resume(self, store: CheckpointStore, progress: Progress) -> None:
        """Load the newest state of the store, if it has one."""
        state, messages = store.load(self.device)
        for message in messages:
            progress.say(message)
        if len(set(ranks.gather(None if state is None else state["history"]["steps"]))) > 1:
            raise UserError(
                "the processes of this cell see different saved states; give an out= that all of them share"
            )
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.averager.state = state
        self.schedule.state = state["schedule"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.dropout.set_state(state["dropout"].cpu())
        self.history = History(**state["history"])
        self.loss_sum, self.loss_tokens = state["loss"]["sum"], state["loss"]["tokens"]
        if self.carried is not None:
            self.carried.state = state["carried"]
        self.history.resumed.append(self.history.steps)
        progress.say(f"resuming at step {self.history.steps} of {self.total_steps}")
