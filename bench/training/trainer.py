"""Training: the same loop, the same batches and the same schedule for every model. Knows no task and no Hydra."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass, field

import numpy as np
import torch
from torch import Tensor

from bench.data.examples import Redraw, Split
from bench.seeding import numpy_generator, torch_generator
from bench.system.resources import clock
from bench.system.signals import Interrupted, Stop
from bench.training import precision
from bench.training.averaging import Checkpoints
from bench.training.batches import Batch, Batcher
from bench.training.checkpoint import States, every
from bench.training.config import ALWAYS, TrainingConfig
from bench.training.optimiser import AdamW
from bench.training.progress import Progress, Silent
from bench.training.teacher_forcing import real_features, training_loss, validate
from models.dropout import set_dropout_generator
from models.interface import Seq2Seq

SAMPLES = 40
"""Training throughput is sampled this many times over a run."""


class Diverged(Exception):
    """The training loss is not a finite number."""


@dataclass
class History:
    """What happened. curve: a row a validation, columns as in `bench.records.store`; losses in nats a target token, or squared
    error a target value; accuracies None for values.
    samples: training throughput, non-padding target tokens a second, the first sample of a process left out.
    stopped: why training ended, END or PATIENCE; None where it has not.
    average: None where there is none, else `of` (one of `bench.training.averaging.WHICH`), `steps` (of the checkpoints),
    `value` (the validation loss of their mean) and `chosen` (whether the model has it).
    resumed: the steps at which a process went on from a saved state; what one had done beyond it is in no time here."""

    curve: list[dict[str, float]] = field(default_factory=list)
    samples: list[float] = field(default_factory=list)
    steps: int = 0
    examples: int = 0
    source_tokens: int = 0
    target_tokens: int = 0
    padded_tokens: int = 0  # rows times the longest side, over all batches
    train_seconds: float = 0.0
    validate_seconds: float = 0.0
    best_step: int = 0
    best_loss: float = math.inf
    stopped: str | None = None
    average: dict | None = None
    resumed: list[int] = field(default_factory=list)


END, PATIENCE = "end", "patience"
"""Why training ended: all planned steps were run, or validation has not become better for long enough."""


class Trainer:
    """One model's training, which can stop at any step and go on as if it had not.

    redraw: makes the training data anew for every epoch, from the seed and the epoch's number alone, where `train` is
    not what every epoch has. Each epoch is cut into batches by its own lengths, and the steps planned are those of
    all epochs: every one of them is a whole pass.
    """

    def __init__(
        self,
        model: Seq2Seq,
        train: Split,
        valid: Split,
        settings: TrainingConfig,
        seed: int,
        device: str = "cpu",
        redraw: Redraw | None = None,
    ) -> None:
        self.model, self.settings, self.seed, self.device, self.redraw = model, settings, seed, device, redraw
        self.batcher = Batcher(train, settings.batch_tokens, device)
        self.drawn: int | None = None  # the epoch whose data the batcher has, if they are drawn anew
        self.valid_batches = list(Batcher(valid, settings.batch_tokens, device).epoch())
        self.history = History()
        self.loss_sum, self.loss_tokens = torch.zeros((), device=device), 0  # since the last validation
        decayed = [p for n, p in model.named_parameters() if p.dim() > 1 and "embedding" not in n]
        plain = [p for n, p in model.named_parameters() if not (p.dim() > 1 and "embedding" not in n)]
        self.optimizer = AdamW(
            [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": plain, "weight_decay": 0.0}],
            lr=settings.lr,
            betas=(settings.beta1, settings.beta2),
            fused=True,
        )
        self.parameters = decayed + plain
        self.dropout = torch_generator(seed, "dropout", device=device)
        set_dropout_generator(model, self.dropout)
        self.checkpoints = Checkpoints(settings.average, settings.average_of)
        self.plan_sizes = [len(self._plan(epoch)) for epoch in range(math.ceil(settings.epochs))]
        self.total_steps = self._count_steps()
        self.schedule = settings.schedule_over(self.total_steps)

    def _plan(self, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch: they depend on the seed and the epoch, not on the model or on what came before."""
        if self.redraw is not None and self.drawn != epoch:
            split = self.redraw(numpy_generator(self.seed, "segmentation", epoch))
            self.batcher, self.drawn = Batcher(split, self.settings.batch_tokens, self.device), epoch
        return self.batcher.plan(numpy_generator(self.seed, "order", epoch), self.settings.batching == "mixed")

    def _count_steps(self) -> int:
        whole = int(self.settings.epochs)
        part = self.settings.epochs - whole
        return max(1, sum(self.plan_sizes[:whole]) + (round(part * self.plan_sizes[whole]) if part else 0))

    def run(self, states: States | None = None, progress: Progress | None = None, stop: Stop | None = None) -> History:
        """Train to the end, or until patience is over, and leave the model with the weights that validation selects.

        states: where the resumable state is kept, read first if there is one. stop: looked at after every step; asked
        to stop, the state is saved. Raises Diverged, Interrupted after such a stop, StorageError.
        """
        progress, stop = progress or Silent(), stop or Stop()
        if states is not None:
            self._resume(states, progress)
        with stop.deferred():
            self._train(states, progress, stop)
        self._select()
        return self.history

    def _train(self, states: States | None, progress: Progress, stop: Stop) -> None:
        history = self.history
        progress.stage("train", self.total_steps, "steps")
        stops = {
            round(self.total_steps * (i + 1) / self.settings.validations) for i in range(self.settings.validations)
        }
        interval = max(1, self.total_steps // SAMPLES)
        epoch, skip = self._position()
        plan = self._plan(epoch)
        sampled_tokens, warm = 0, False
        begun = sampled_at = clock(self.device)
        saved, wait = time.monotonic(), every()
        self.model.train()
        while history.stopped is None:
            if skip == len(plan):
                epoch, skip = epoch + 1, 0
                plan = self._plan(epoch)
            batch = self.batcher.make(plan[skip])
            skip += 1
            self.loss_sum += self._step(batch)
            self.loss_tokens += batch.target_tokens
            sampled_tokens += batch.target_tokens
            step = history.steps
            if step % interval == 0 and step not in stops:
                now = clock(self.device)
                if warm:
                    history.samples.append(sampled_tokens / (now - sampled_at))
                warm, sampled_tokens, sampled_at = True, 0, now
                progress.advance(step, self._note())
            due = states is not None and (stop.requested or time.monotonic() - saved >= wait)
            if step in stops or due:
                now = clock(self.device)
                history.train_seconds += now - begun
                if step in stops:
                    self._validate()
                    progress.advance(step, f"valid loss {history.curve[-1]['valid_loss']:.3f}")
                if states is not None:
                    states.save(self._state())
                    saved = time.monotonic()
                # Neither validating nor saving is training: the window of the sample moves on by as long, or begins anew.
                begun = clock(self.device)
                sampled_tokens, sampled_at = (
                    (0, begun) if step in stops else (sampled_tokens, sampled_at + begun - now)
                )
            if stop.requested:
                kept = "its state is saved" if states is not None else "nothing is saved"
                progress.say(f"stopped at step {step} of {self.total_steps}; {kept}")
                raise Interrupted

    def _step(self, batch: Batch) -> Tensor:
        """One update. Returns the summed training loss, on the device, so that nothing waits for it."""
        history = self.history
        for group in self.optimizer.param_groups:
            group["lr"] = self.schedule.rate(history.steps)
        with precision.products_in(self.settings.precision, self.device):
            features, targets = real_features(self.model, batch)
        # A last norm gives float32 again; the projection is the widest product of all.
        features = features.bfloat16() if self.settings.precision == "bf16" else features
        loss = training_loss(self.model, features, targets, self.settings.label_smoothing)
        (loss / batch.target_tokens).backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.settings.clip, foreach=True)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        history.steps += 1
        history.examples += len(batch.rows)
        history.source_tokens += batch.source_tokens
        history.target_tokens += batch.target_tokens
        history.padded_tokens += len(batch.rows) * (batch.src.shape[1] + batch.tgt_in.shape[1])
        return loss.detach()

    def _note(self) -> str:
        loss_sum = float(self.loss_sum)
        if not math.isfinite(loss_sum):
            raise Diverged(f"the training loss is {loss_sum} at step {self.history.steps}; lower optim.lr")
        speed = f", {self.history.samples[-1]:,.0f} target tokens/s" if self.history.samples else ""
        return f"loss {loss_sum / self.loss_tokens:.3f}{speed}"

    def _validate(self) -> None:
        history, train_loss = self.history, float(self.loss_sum) / self.loss_tokens
        loss, accuracy = self._measure()
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
        lowest = loss < history.best_loss
        if lowest:
            history.best_loss, history.best_step = loss, history.steps
        self.checkpoints.add(self.model, history.steps, loss, lowest)
        self.schedule.validated(loss)
        waited = sum(row["step"] > history.best_step for row in history.curve)
        if history.steps == self.total_steps:
            history.stopped = END
        elif waited == self.settings.patience:
            history.stopped = PATIENCE
        self.loss_sum, self.loss_tokens = torch.zeros((), device=self.device), 0

    def _measure(self) -> tuple[float, float | None]:
        """`validate` of the model as it is, its time noted."""
        begun = clock(self.device)
        found = validate(self.model, self.valid_batches)
        self.history.validate_seconds += clock(self.device) - begun
        return found

    def _select(self) -> None:
        """Leave the model with the weights of the lowest validation loss, or with the average as the settings say."""
        history, settings = self.history, self.settings
        if settings.average:
            self.model.load_state_dict(self.checkpoints.averaged())
            loss, _ = self._measure()
            if not math.isfinite(loss):
                raise Diverged("the loss of the averaged weights is not finite; lower optim.lr")
            chosen = settings.average_chosen == ALWAYS or loss < history.best_loss
            history.average = {
                "of": settings.average_of,
                "steps": self.checkpoints.steps,
                "value": loss,
                "chosen": chosen,
            }
        if history.average is None or not history.average["chosen"]:
            self.model.load_state_dict(self.checkpoints.best)
        self.model.eval()

    def _position(self) -> tuple[int, int]:
        """The epoch and the batch within it that come next."""
        epoch, left = 0, self.history.steps
        while left >= self.plan_sizes[epoch] and epoch + 1 < len(self.plan_sizes):
            epoch, left = epoch + 1, left - self.plan_sizes[epoch]
        return epoch, left

    def _state(self) -> dict:
        """All that training goes on from. What its code makes anew from the seed, such as the batches, is not in it."""
        return {
            "model": self.model.state_dict(),
            **self.checkpoints.state,
            "schedule": self.schedule.state,
            "optimizer": self.optimizer.state_dict(),
            "dropout": self.dropout.get_state(),
            "history": asdict(self.history),
            "loss": {"sum": self.loss_sum, "tokens": self.loss_tokens},
        }

    def _resume(self, states: States, progress: Progress) -> None:
        state, said = states.load(self.device)
        for line in said:
            progress.say(line)
        if state is None:
            return
        self.model.load_state_dict(state["model"])
        self.checkpoints.state = state
        self.schedule.state = state["schedule"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.dropout.set_state(state["dropout"].cpu())
        self.history = History(**state["history"])
        self.loss_sum, self.loss_tokens = state["loss"]["sum"], state["loss"]["tokens"]
        self.history.resumed.append(self.history.steps)
        progress.say(f"going on at step {self.history.steps} of {self.total_steps}")
