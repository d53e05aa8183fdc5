"""Forward of the CUDA core, emulated: a tile that several warps share looks as it does when one has it for itself.

The constants of csrc/cuda/tile_parts.cuh are changed in copies of the sources, so that small scenes split tiles into
many parts, or none.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from emulator.builds import changed_core, emulated_core, results_of
from support.messages import about
from torch import Tensor
from torch.testing import assert_close

pytestmark = pytest.mark.slow

# Renders scenes of more faces than a part has, and saves the results. Of two images, the second with few faces.
PROGRAM = f"""
import sys
sys.path[:0] = {[str(Path(__file__).parent), *sys.path]!r}
from pathlib import Path
import torch
from emulator.scenes_of_all_kernels import SETTINGS
from support.scenes import random_scene, render_with_gradients
from gendr_adapters import RenderSettings, _native, render

library = _native.load(Path(sys.argv[1]))
_native.library = lambda device_type="cpu": library
results = {{}}
for name, settings in SETTINGS.items():
    for channels in (3, 9):
        settings = {{"dist_scale": 3e-2, "gamma": 0.1, **settings}}
        rendered, gradients = render_with_gradients(random_scene(0, 130, channels=channels), (13, 18), settings,
                                                    torch.float64)
        for key, value in [*rendered._asdict().items(), *gradients.items()]:
            results[f"{{name}}, {{channels}} channels: {{key}}"] = value.detach()
corners = random_scene(1, 170).face_vertices.double()
settings = RenderSettings(dist_scale=1e-3)
alpha = render(corners, (21, 50), face_offsets=torch.tensor([0, 150, 170]), settings=settings, outputs=("alpha",)).alpha
results["silhouettes of two"] = alpha
torch.save(results, sys.argv[2])
"""


@pytest.fixture(scope="module")
def render(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., dict[str, Tensor]]:
    folder = tmp_path_factory.mktemp("results")

    def rendered(library: Path, order: str = "natural") -> dict[str, Tensor]:
        return results_of(PROGRAM, library, folder, order)

    return rendered


@pytest.fixture(scope="module")
def in_many_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two faces a part, and so few parts that most tiles have to take more."""
    return changed_core(
        tmp_path_factory.mktemp("parts"),
        [
            ("tile_parts.cuh", "kPartCandidates = 32;", "kPartCandidates = 2;"),
            ("render_forward.cu", "enough = 8192", "enough = 100"),
        ],
    )


def test_parts_add_up_to_the_whole(
    in_many_parts: Path, tmp_path: Path, render: Callable[..., dict[str, Tensor]]
) -> None:
    whole = render(changed_core(tmp_path, [("tile_parts.cuh", "kPartCandidates = 32;", "kPartCandidates = 1 << 30;")]))
    for library in (emulated_core("plain"), in_many_parts):
        split = render(library)
        for name, expected in whole.items():
            assert_close(split[name], expected, rtol=1e-9, atol=1e-9, equal_nan=True, msg=about(name))
        assert any(not torch.equal(split[name], expected) for name, expected in whole.items()), "nothing was split"


@pytest.mark.parametrize("order", [pytest.param("reverse", marks=pytest.mark.nightly), "7"])
def test_any_order_of_threads_gives_the_same_bits(
    order: str, in_many_parts: Path, render: Callable[..., dict[str, Tensor]]
) -> None:
    natural = render(in_many_parts)
    for name, value in render(in_many_parts, order).items():
        assert torch.equal(value.nan_to_num(7), natural[name].nan_to_num(7)), name
