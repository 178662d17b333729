"""Training: the same loop, the same batches and the same schedule for every model. Knows no task and no Hydra."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from bench import precision
from bench.data.batches import Batch, Batcher
from bench.losses import cross_entropy
from bench.optimiser import AdamW
from bench.profiling import clock
from bench.progress import Progress, Silent
from bench.seeding import numpy_generator, torch_generator
from bench.tasks.base import Split
from models.dropout import set_dropout_generator
from models.interface import Seq2Seq

SCHEDULES = ("cosine", "linear", "constant")
BATCHING = ("length", "mixed")
SAMPLES = 40
"""Training throughput is sampled this many times over a run."""


class Diverged(Exception):
    """The training loss is not a finite number."""


@dataclass(frozen=True)
class Settings:
    """What the optimiser is told. Everything that differs between arms stands in their configuration."""

    epochs: float = 10.0  # passes over the training data; a part of one is allowed
    batch_tokens: int = 2500  # rows times longest side, padding included
    batching: str = "length"  # sequences of like length together, which pads little; or mixed, so that every step sees all
    validations: int = 20  # evenly spaced; the last one is at the end
    lr: float = 1e-3  # peak learning rate of AdamW (Loshchilov & Hutter 2019)
    schedule: str = "cosine"  # after the warm-up: cosine or linear to zero, or constant
    warmup: float = 0.1  # share of all steps over which the learning rate rises linearly from zero
    weight_decay: float = 0.01  # of matrices; gains, biases and embeddings are left alone
    beta1: float = 0.9
    beta2: float = 0.98
    clip: float = 1.0  # largest norm of the gradient
    label_smoothing: float = 0.0
    precision: str = "fp32"  # bf16: matrix products of training in bfloat16 (autocast); weights and sums stay fp32

    def __post_init__(self) -> None:
        if self.schedule not in SCHEDULES:
            raise ValueError(f"optim.schedule must be one of {', '.join(SCHEDULES)}; got {self.schedule!r}")
        if self.batching not in BATCHING:
            raise ValueError(f"budget.batching must be one of {', '.join(BATCHING)}; got {self.batching!r}")
        precision.check("optim.precision", self.precision)
        for name in ("epochs", "lr", "clip", "batch_tokens", "validations"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("warmup", "label_smoothing", "beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"optim.{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.weight_decay < 0:
            raise ValueError(f"optim.weight_decay must be at least 0, got {self.weight_decay}")

    def rate(self, step: int, total: int) -> float:
        """Learning rate of step 0 <= step < total."""
        warm = max(1, round(self.warmup * total))
        if step < warm:
            return self.lr * (step + 1) / warm
        share = (step - warm) / max(1, total - warm)
        if self.schedule == "cosine":
            return self.lr * 0.5 * (1.0 + math.cos(math.pi * share))
        return self.lr * (1.0 - share) if self.schedule == "linear" else self.lr


@dataclass
class History:
    """What happened. curve: a row a validation, columns as in `bench.records`; losses in nats a target token, or squared
    error a target value; accuracies None for values.
    samples: training throughput, non-padding target tokens a second, the first sample of a process left out."""

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


def real_features(model: Seq2Seq, batch: Batch) -> tuple[Tensor, Tensor]:
    """Features (N, D) and wanted tokens (N,), or values (N, C), of a batch's real target positions: padding never reaches
    the vocabulary projection, the widest product of a small model."""
    features = model.features(batch.src, batch.tgt_in, batch.src_mask).flatten(0, 1)
    targets = batch.tgt_out.flatten(0, 1)
    if batch.real is None:
        return features, targets
    return features.index_select(0, batch.real), targets.index_select(0, batch.real)


def training_loss(model: Seq2Seq, features: Tensor, targets: Tensor, label_smoothing: float) -> Tensor:
    """Of what `real_features` gives, summed over positions: cross-entropy, or squared error of values (mean over their
    channels)."""
    if targets.is_floating_point():
        return F.mse_loss(model.project(features).float(), targets, reduction="sum") / targets.shape[-1]
    return cross_entropy(features, targets, model.projection, label_smoothing)


@torch.inference_mode()
def validate(model: Seq2Seq, batches: Iterable[Batch]) -> tuple[float, float | None]:
    """Teacher-forced loss in nats a target token, without smoothing, and token accuracy; of values squared error a
    value, and None."""
    model.eval()
    loss, right, tokens = 0.0, 0, 0
    for batch in batches:
        features, targets = real_features(model, batch)
        predicted = model.project(features)
        tokens += batch.target_tokens
        if targets.is_floating_point():
            loss += float(F.mse_loss(predicted, targets, reduction="sum")) / targets.shape[-1]
            continue
        loss += float(F.cross_entropy(predicted, targets, reduction="sum"))
        right += int((predicted.argmax(dim=-1) == targets).sum())
    return loss / tokens, right / tokens if model.outputs == "tokens" else None


@torch.inference_mode()
def losses(model: Seq2Seq, batcher: Batcher) -> np.ndarray:
    """(N,) of each example of the batcher's split: the teacher-forced loss in nats, summed over its target tokens."""
    model.eval()
    found = np.zeros(len(batcher.split))
    for batch in batcher.epoch():
        features, targets = real_features(model, batch)
        each = F.cross_entropy(model.project(features), targets, reduction="none").double().cpu().numpy()
        row = np.repeat(np.arange(len(batch.rows)), batcher.tgt_lengths[batch.rows])
        found[batch.rows] = np.bincount(row, weights=each, minlength=len(batch.rows))
    return found


class Trainer:
    """One model's training, which can stop at any validation and go on as if it had not."""

    def __init__(
        self, model: Seq2Seq, train: Split, valid: Split, settings: Settings, seed: int, device: str = "cpu"
    ) -> None:
        self.model, self.settings, self.seed, self.device = model, settings, seed, device
        self.batcher = Batcher(train, settings.batch_tokens, device)
        self.valid_batches = list(Batcher(valid, settings.batch_tokens, device).epoch())
        self.history = History()
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
        self.best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        self.total_steps = self._count_steps()

    def _plan(self, epoch: int) -> list[np.ndarray]:
        """The batches of an epoch: they depend on the seed and the epoch, not on the model or on what came before."""
        return self.batcher.plan(numpy_generator(self.seed, "order", epoch), self.settings.batching == "mixed")

    def _count_steps(self) -> int:
        whole = int(self.settings.epochs)
        steps = sum(len(self._plan(epoch)) for epoch in range(whole))
        part = self.settings.epochs - whole
        return max(1, steps + (round(part * len(self._plan(whole))) if part else 0))

    def run(self, state_path: Path | None = None, progress: Progress | None = None) -> History:
        """Train to the end and leave the model with the weights of the best validation loss.

        state_path: where to keep the resumable state, read first if it is there. Raises Diverged.
        """
        progress = progress or Silent()
        if state_path is not None and state_path.exists():
            self._load(state_path)
            progress.say(f"resuming at step {self.history.steps} of {self.total_steps}")
        progress.stage("train", self.total_steps, "steps")
        stops = {round(self.total_steps * (i + 1) / self.settings.validations) for i in range(self.settings.validations)}
        interval = max(1, self.total_steps // SAMPLES)
        epoch, skip = self._position()
        plan = self._plan(epoch)
        loss_sum, loss_tokens = torch.zeros((), device=self.device), 0
        sampled_tokens, warm = 0, False
        begun = sampled_at = clock(self.device)
        self.model.train()
        while self.history.steps < self.total_steps:
            if skip == len(plan):
                epoch, skip = epoch + 1, 0
                plan = self._plan(epoch)
            batch = self.batcher.make(plan[skip])
            skip += 1
            loss_sum += self._step(batch)
            loss_tokens += batch.target_tokens
            sampled_tokens += batch.target_tokens
            step = self.history.steps
            if step % interval == 0 and step not in stops:
                now = clock(self.device)
                if warm:
                    self.history.samples.append(sampled_tokens / (now - sampled_at))
                warm, sampled_tokens, sampled_at = True, 0, now
                progress.advance(step, self._note(float(loss_sum), loss_tokens))
            if step in stops:
                self.history.train_seconds += clock(self.device) - begun
                self._validate(float(loss_sum) / loss_tokens)
                progress.advance(step, f"valid loss {self.history.curve[-1]['valid_loss']:.3f}")
                loss_sum, loss_tokens = torch.zeros((), device=self.device), 0
                if state_path is not None and step < self.total_steps:
                    self._save(state_path)
                begun = sampled_at = clock(self.device)
                sampled_tokens = 0
        self.model.load_state_dict(self.best)
        self.model.eval()
        return self.history

    def _step(self, batch: Batch) -> Tensor:
        """One update. Returns the summed training loss, on the device, so that nothing waits for it."""
        history = self.history
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.rate(history.steps, self.total_steps)
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

    def _note(self, loss_sum: float, tokens: int) -> str:
        if not math.isfinite(loss_sum):
            raise Diverged(f"the training loss is {loss_sum} at step {self.history.steps}; lower optim.lr")
        speed = f", {self.history.samples[-1]:,.0f} target tokens/s" if self.history.samples else ""
        return f"loss {loss_sum / tokens:.3f}{speed}"

    def _validate(self, train_loss: float) -> None:
        history = self.history
        begun = clock(self.device)
        loss, accuracy = validate(self.model, self.valid_batches)
        self.model.train()
        history.validate_seconds += clock(self.device) - begun
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
                "learning_rate": self.settings.rate(history.steps - 1, self.total_steps),
            }
        )
        if loss < history.best_loss:
            history.best_loss, history.best_step = loss, history.steps
            self.best = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}

    def _position(self) -> tuple[int, int]:
        """The epoch and the batch within it that come next."""
        epoch, left = 0, self.history.steps
        while left >= (size := len(self._plan(epoch))):
            epoch, left = epoch + 1, left - size
        return epoch, left

    def _save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        building = path.with_suffix(".tmp")
        state = {
            "model": self.model.state_dict(),
            "best": self.best,
            "optimizer": self.optimizer.state_dict(),
            "dropout": self.dropout.get_state(),
            "history": asdict(self.history),
        }
        with building.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(building, path)

    def _load(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.best = state["best"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.dropout.set_state(state["dropout"].cpu())
        self.history = History(**state["history"])
