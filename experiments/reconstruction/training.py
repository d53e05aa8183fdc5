"""The training: a step, and all that a step depends on as one state that can be saved and restored."""

from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from .data import ObjectSet, Pair
from .networks import Model
from .objective import Objective
from .processes import Processes
from .settings import Settings

Row = dict[str, float | int | str]


class Training:
    """A model that learns. `step` is the number of steps done, `history` what `report` said."""

    def __init__(self, settings: Settings, model: Model, objects: ObjectSet, processes: Processes) -> None:
        self.settings, self.objects, self.processes = settings, objects, processes
        self.part = processes.part_of(settings.batch)
        self.model = model.to(processes.device).train()
        self.optimizer = torch.optim.Adam(self.model.parameters(), settings.learning_rate)
        self.objective = Objective(settings, self.model)
        self.step = 0
        self.history: list[Row] = []
        self._recent: dict[str, Tensor] = {}
        self._forward: torch.nn.Module = self.model
        if processes.count > 1:
            # The buffers are those of SharedBatchNorm, which are alike everywhere.
            self._forward = DistributedDataParallel(self.model, broadcast_buffers=False)

    def advance(self) -> None:
        """One step of the optimizer, on the batch of this step."""
        settings = self.settings
        decay = settings.decay(self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = settings.learning_rate * decay
        drawn = self.objects.draw(settings.seed, self.step, settings.batch, self.part)
        pair = Pair(*(tensor.to(self.processes.device) for tensor in drawn))
        made = self._forward(torch.cat([pair.images_a, pair.images_b]))
        losses = self.objective(made, pair, settings.sigma * decay)
        self.optimizer.zero_grad()
        losses["total"].backward()
        self.optimizer.step()
        self.step += 1
        seen = {**losses, "steps": torch.ones(())}
        self._recent = {name: self._recent.get(name, 0) + loss.detach().double() for name, loss in seen.items()}

    def report(self) -> dict[str, float]:
        """The mean losses of all processes, of the steps since the last report, and the learning rate.

        Raises FloatingPointError where a loss is not finite: from there on nothing can be learned.
        """
        names = list(self._recent)
        sums = self.processes.sum(torch.stack([self._recent[name].to(self.processes.device) for name in names]))
        means = {name: float(value) / float(sums[-1]) for name, value in zip(names[:-1], sums[:-1], strict=True)}
        if not all(abs(mean) < float("inf") for mean in means.values()):
            found = ", ".join(f"{name} {mean:g}" for name, mean in means.items())
            raise FloatingPointError(f"the losses of the steps before {self.step} are not finite: {found}")
        self._recent = {}
        return {**means, "learning_rate": self.optimizer.param_groups[0]["lr"]}

    def finite(self) -> bool:
        """Whether all weights and buffers are."""
        return all(bool(value.isfinite().all()) for value in self.model.state_dict().values())

    def state(self) -> dict[str, Any]:
        """All that the next steps depend on. The position in the data is (seed, step): see ObjectSet.draw."""
        device = self.processes.device
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "settings": asdict(self.settings),
            "data": self.objects.fingerprint(),
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
            "recent": self._recent,
            "history": self.history,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state. Raises ValueError for one of other data or of another model."""
        if state["data"] != self.objects.fingerprint():
            ours, theirs = _described(self.objects.fingerprint()), _described(state["data"])
            raise ValueError(f"the run was on other data: {theirs}; this is {ours}, or these objects are not those")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.history, self._recent = state["step"], state["history"], state["recent"]
        torch.set_rng_state(state["random"])
        if self.processes.device.type == "cuda" and state["cuda_random"] is not None:
            torch.cuda.set_rng_state(state["cuda_random"], self.processes.device)


def _described(fingerprint: dict[str, list[int]]) -> str:
    return ", ".join(f"{count} of {name}" for name, (count, _) in fingerprint.items())
