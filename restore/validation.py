"""The epoch that is kept: the one with the lowest loss on validation pairs.

Validation pairs are of mining problems that nothing is trained on; held-out problems take no part.
"""

from __future__ import annotations

from typing import Any


def best_epoch(patience: int | None) -> Any:
    """Return a trainer's callback that keeps the weights of the epoch with the lowest validation loss.

    `losses` are those of all epochs, in nats per token and what else the training's loss counts; `epoch` is
    the best one, from 1; `put_back(model)` gives the model the weights that it had at its end.

    Args:
        patience: Epochs in a row without a lower loss after which training stops; `None` for never.
    """
    from transformers import TrainerCallback

    class BestEpoch(TrainerCallback):
        """Holds a copy of what is trained, and of nothing else."""

        def __init__(self) -> None:
            self.losses: list[float] = []
            self.epoch = 0
            self._weights: dict[str, Any] = {}

        def on_evaluate(
            self, args: Any, state: Any, control: Any, metrics: Any = None, model: Any = None, **kwargs: Any
        ) -> None:
            loss = float(metrics["eval_loss"])
            if not self.losses or loss < self.losses[self.epoch - 1]:
                self.epoch = len(self.losses) + 1
                self._weights = {name: weight.detach().clone() for name, weight in _trained(model)}
            self.losses.append(round(loss, 6))
            if patience is not None and len(self.losses) - self.epoch >= patience:
                control.should_training_stop = True

        def put_back(self, model: Any) -> None:
            for name, weight in _trained(model):
                weight.data.copy_(self._weights[name])

    return BestEpoch()


def _trained(model: Any) -> list[tuple[str, Any]]:
    return [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
