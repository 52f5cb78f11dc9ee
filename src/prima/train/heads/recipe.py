"""How heads are trained, and what is told on the way."""

from __future__ import annotations

from dataclasses import dataclass

from prima.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class HeadRecipe:
    """How heads are trained.

    Args:
        hidden: width of the trunk's layer; 0: none, the heads are linear.
        epochs: of the first phase.
        column_epochs: of the second.
        batch_size: studies in a step.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        noise: each feature is multiplied by 1 + noise · normal, anew in every step.
        dropout: share of hidden values set to zero in a step of training.
        max_positive_weight: a positive counts as √(negatives / positives), this much at most; 1: like a
            negative, which ranked best where it was measured.
        min_positives: validation positives (and negatives) that a task needs to stop by itself; with fewer it stops
            where the tasks that have them do best on the whole.
        allow_empty: a class without a positive or without a negative in training gives a constant, not an error.
        penalties: L2 penalties to choose from; linear heads are then fitted to their minimum (`heads_penalised`), and
            nothing above but `max_positive_weight`, `min_positives` and `allow_empty` matters. Empty: a network.
        evidence: channels of evidence at the end of the feature (highest, mean, agreed on by a place, so many each, and
            where the model compares, three more), of which the first are those of the diagnoses; what a diagnosis' own
            say is penalised a hundredth as much as everything else. 0 for none.
        kinds: how many of such groups there are.
        left_out: so many numbers at the start of the feature, the registers, are not read by fitted heads. On studies
            whose text is missing the registers are far from those that heads were fitted on, and carry them away.
        seed: of weights, order, noise and dropout.
    """

    hidden: int = 256
    epochs: int = 40
    column_epochs: int = 60
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    noise: float = 0.01
    dropout: float = 0.5
    max_positive_weight: float = 1.0
    min_positives: int = 5
    allow_empty: bool = False
    penalties: tuple[float, ...] = ()
    evidence: int = 0
    kinds: int = 3
    left_out: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.penalties and (self.hidden or min(self.penalties) <= 0):
            raise UsageError("heads: found penalties, expected them above 0 and hidden=0; a fitted head is linear")


@dataclass(frozen=True, kw_only=True)
class HeadEpoch:
    """Told after each epoch: phase (1 or 2), epoch from 1, mean loss of training and of validation over the tasks."""

    phase: int
    epoch: int
    train_loss: float
    validation_loss: float
