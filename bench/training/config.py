"""The training configuration: how long every arm trains, the optimiser, its schedule, and which weights are kept.

No torch here: a configuration is checked before anything heavy is loaded.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from bench.training.schedule import SCHEDULES, Schedule

LENGTH, MIXED, SHORT_FIRST, CARRIED = "length", "mixed", "short_first", "carried"
BATCHING = (LENGTH, MIXED, SHORT_FIRST, CARRIED)
FP32 = "fp32"
PRECISIONS = (FP32, "bf16")

LAST, BEST = "last", "best"
AVERAGE_OF = (LAST, BEST)
"""Which checkpoints are averaged: the last ones (Vaswani et al. 2017, sec. 6.1), or those with the lowest loss."""

VALIDATION, ALWAYS = "validation", "always"
AVERAGE_CHOSEN = (VALIDATION, ALWAYS)
"""When the average replaces the best single checkpoint: where its validation loss is lower, or always."""


@dataclass(frozen=True, kw_only=True)
class TrainingBudget:
    """How long training lasts and how batches are made: the same for every arm of a comparison."""

    epochs: float  # passes over the training data; a fraction of a pass is allowed
    batch_tokens: int  # rows times longest side, padding included
    validations: int  # evenly spaced; the last one is at the end
    # length: sequences of similar length together, little padding; mixed: any lengths together; short_first: as
    # length, every pass from the shortest to the longest; carried: windows of running text in order, the recurrent
    # state goes on from batch to batch
    batching: str = LENGTH
    patience: int | None = None  # stop after this many validations in a row without a new lowest loss; None: never

    def __post_init__(self) -> None:
        _check_choice("budget.batching", self.batching, BATCHING)
        for name in ("epochs", "batch_tokens", "validations"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if self.batching == SHORT_FIRST and self.epochs % 1:
            raise ValueError(
                f"budget.batching={SHORT_FIRST} needs whole passes, got budget.epochs={self.epochs}: a part of a pass "
                "has only short sequences"
            )
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"budget.patience must be at least 1, or null for never; got {self.patience}")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig(TrainingBudget):
    """Everything the trainer needs to know. The optimiser's fields may differ between arms."""

    lr: float = 1e-3  # peak learning rate of AdamW (Loshchilov & Hutter 2019)
    schedule: str = "cosine"  # one of bench.training.schedule.SCHEDULES
    warmup: float = 0.1  # share of all steps over which the learning rate rises
    plateau_factor: float = 0.5  # schedule plateau: the rate is multiplied by this
    plateau_patience: int = 2  # schedule plateau: after this many validations in a row without a new lowest loss
    weight_decay: float = 0.01  # of matrices, learned positions included; not of gains, biases and embeddings
    beta1: float = 0.9
    beta2: float = 0.98
    clip: float = 1.0  # largest norm of the gradient
    label_smoothing: float = 0.0
    average: int = 0  # number of checkpoints (validations) whose weights are averaged at the end; 0: none
    average_of: str = LAST  # one of AVERAGE_OF
    average_chosen: str = VALIDATION  # one of AVERAGE_CHOSEN
    bpe_dropout: float = 0.0  # probability that a merge is skipped when training text is split into subwords
    precision: str = "fp32"  # bf16: training's matrix products in bfloat16 (autocast); weights and sums stay fp32

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_choice("optim.schedule", self.schedule, SCHEDULES)
        _check_choice("optim.average_of", self.average_of, AVERAGE_OF)
        _check_choice("optim.average_chosen", self.average_chosen, AVERAGE_CHOSEN)
        check_precision("optim.precision", self.precision)
        for name in ("lr", "clip"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        for name in ("warmup", "label_smoothing", "beta1", "beta2", "bpe_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"optim.{name} must be at least 0 and below 1, got {getattr(self, name)}")
        if self.weight_decay < 0:
            raise ValueError(f"optim.weight_decay must be at least 0, got {self.weight_decay}")
        if not 0 < self.plateau_factor < 1:
            raise ValueError(f"optim.plateau_factor must be above 0 and below 1, got {self.plateau_factor}")
        if self.plateau_patience < 1:
            raise ValueError(f"optim.plateau_patience must be at least 1, got {self.plateau_patience}")
        if self.average < 0 or self.average == 1:
            raise ValueError(f"optim.average must be at least 2, or 0 for no average; got {self.average}")

    def check_used(self) -> None:
        """Raises ValueError for a setting that has no effect with the others."""
        if self.average > self.validations:
            raise ValueError(
                f"optim.average={self.average} exceeds the number of checkpoints, "
                f"budget.validations={self.validations}; lower it or raise budget.validations"
            )
        # The first validation always sets the lowest loss, and the last one ends training anyway.
        if self.patience is not None and self.patience > self.validations - 2:
            raise ValueError(
                f"budget.patience={self.patience} cannot stop anything with budget.validations={self.validations}; "
                "set it at least two below, or to null"
            )
        dependent = (
            ("optim.average", self.average != 0, ("average_of", "average_chosen")),
            ("optim.schedule=plateau", self.schedule == "plateau", ("plateau_factor", "plateau_patience")),
        )
        defaults = {field.name: field.default for field in fields(self)}
        for owner, active, names in dependent:
            for name in names:
                if not active and getattr(self, name) != defaults[name]:
                    raise ValueError(f"optim.{name}={getattr(self, name)} has no effect without {owner}; leave it out")

    def schedule_over(self, total: int) -> Schedule:
        """The learning rates of a training of `total` steps."""
        return Schedule(self.schedule, self.lr, self.warmup, total, self.plateau_factor, self.plateau_patience)


def check_precision(name: str, precision: str) -> None:
    """Raises ValueError, naming the setting, for a precision that is not one of PRECISIONS."""
    _check_choice(name, precision, PRECISIONS)


def _check_choice(name: str, choice: str, allowed: tuple[str, ...]) -> None:
    if choice not in allowed:
        raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {choice!r}")
