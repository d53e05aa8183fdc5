"""TensorBoard logs, where tensorboard is installed."""

from pathlib import Path

HOW_TO = "no TensorBoard logs: tensorboard is not installed (pip install tensorboard)"


class Logs:
    """Scalars over the steps, for `tensorboard --logdir FOLDER`. Without tensorboard it says so, and does nothing."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """What an interrupted run logged after first_step is dropped."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            print(HOW_TO, flush=True)
            self._writer = None
        else:
            self._writer = SummaryWriter(str(folder), purge_step=first_step + 1)

    def scalars(self, step: int, values: dict[str, float]) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
