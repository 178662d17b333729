"""The recipe of a training: every setting of the optimiser, its schedule, and what of the weights is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields

from bench.training import precision
from bench.training.averaging import CHOSEN, WHICH
from bench.training.schedule import SCHEDULES, Schedule

BATCHING = ("length", "mixed")


@dataclass(frozen=True)
class Settings:
    """What the trainer is told. Everything that differs between arms stands in their configuration."""

    epochs: float = 10.0  # passes over the training data; a part of one is allowed
    batch_tokens: int = 2500  # rows times longest side, padding included
    batching: str = "length"  # sequences of like length together, which pads little; or mixed: every step sees all
    validations: int = 20  # evenly spaced; the last one is at the end
    patience: int | None = None  # stop after so many validations in a row without a new lowest loss; None: never
    lr: float = 1e-3  # peak learning rate of AdamW (Loshchilov & Hutter 2019)
    schedule: str = "cosine"  # one of bench.training.schedule.SCHEDULES
    warmup: float = 0.1  # share of all steps over which the learning rate rises
    plateau_factor: float = 0.5  # of schedule plateau: the rate is multiplied by this
    plateau_patience: int = 2  # after so many validations in a row without a new lowest loss
    weight_decay: float = 0.01  # of matrices; gains, biases and embeddings are left alone
    beta1: float = 0.9
    beta2: float = 0.98
    clip: float = 1.0  # largest norm of the gradient
    label_smoothing: float = 0.0
    average: int = 0  # checkpoints (validations) whose weights are averaged at the end; 0: none
    average_of: str = "last"  # the last ones; or best: those of the lowest validation loss
    average_chosen: str = "validation"  # instead of the best single one where its validation loss is lower; or always
    bpe_dropout: float = 0.0  # probability that a merge is left out when training text is cut into subwords
    precision: str = "fp32"  # bf16: matrix products of training in bfloat16 (autocast); weights and sums stay fp32

    def __post_init__(self) -> None:
        named = (
            ("optim.schedule", self.schedule, SCHEDULES),
            ("budget.batching", self.batching, BATCHING),
            ("optim.average_of", self.average_of, WHICH),
            ("optim.average_chosen", self.average_chosen, CHOSEN),
        )
        for name, value, allowed in named:
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}; got {value!r}")
        precision.check("optim.precision", self.precision)
        for name in ("epochs", "lr", "clip", "batch_tokens", "validations"):
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
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"budget.patience must be at least 1, or null for never; got {self.patience}")
        if self.average < 0 or self.average == 1:
            raise ValueError(f"optim.average must be at least 2, or 0 for no average; got {self.average}")

    def check_used(self) -> None:
        """Raises ValueError for a setting that would have no effect beside the others."""
        if self.average > self.validations:
            raise ValueError(
                f"optim.average={self.average} is more than there are checkpoints: "
                f"budget.validations={self.validations}"
            )
        # The first validation is the best so far, and the last one ends the training by itself.
        if self.patience is not None and self.patience > self.validations - 2:
            raise ValueError(
                f"budget.patience={self.patience} cannot stop anything with budget.validations={self.validations}; "
                "give at least two less, or null"
            )
        needed = (
            ("optim.average", self.average != 0, ("average_of", "average_chosen")),
            ("optim.schedule=plateau", self.schedule == "plateau", ("plateau_factor", "plateau_patience")),
        )
        defaults = {field.name: field.default for field in fields(self)}
        for owner, on, names in needed:
            for name in names:
                if not on and getattr(self, name) != defaults[name]:
                    raise ValueError(f"optim.{name}={getattr(self, name)} has no effect without {owner}; leave it out")

    def schedule_over(self, total: int) -> Schedule:
        """The learning rates of a training of so many steps."""
        return Schedule(self.schedule, self.lr, self.warmup, total, self.plateau_factor, self.plateau_patience)
