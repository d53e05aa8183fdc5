"""The CUDA core's gradients of texture maps and lights, emulated: sums of integers that no order changes and that
cannot overflow. That they are right otherwise is for `pytest --emulated compat_tests/test_shading.py` to say.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from emulator.builds import emulated_core, run_python
from test_shading import Inputs, bits_of
from torch import Tensor

from gendr_adapters import Lighting, RenderSettings, TextureMaps, _native, render

pytestmark = pytest.mark.slow

SIZE = 12
# Two triangles that share the square from -0.9 to 0.9, flat on the screen.
SQUARE = [
    [[-0.9, -0.9, 2.0], [0.9, -0.9, 2.0], [0.9, 0.9, 2.0]],
    [[-0.9, -0.9, 2.0], [0.9, 0.9, 2.0], [-0.9, 0.9, 2.0]],
]
UVS = [[[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]], [[0.0, 0.0], [1.0, 1.0], [0.0, 1.0]]]


@pytest.fixture
def cuda_core(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    core = _native.load(emulated_core("device"))
    monkeypatch.setattr(_native, "library", lambda device_type="cpu": core)
    yield


def grad_of_maps(
    grad_image: Tensor,
    maps: Tensor,
    filter: str = "bilinear",
    lighting: Lighting | None = None,
    index: Tensor | None = None,
) -> Tensor:
    maps = maps.detach().requires_grad_()
    faces, uvs = torch.tensor(SQUARE).to(maps), torch.tensor(UVS).to(maps)
    textures = TextureMaps(maps, uvs, index, filter)
    settings = RenderSettings(near=1.0, far=6.0, dist_scale=1e-3, blend="hard")
    image = render(faces, tuple(grad_image.shape[-2:]), textures, settings=settings, lighting=lighting).image
    return torch.autograd.grad(image, maps, grad_image.to(maps))[0]  # type: ignore[arg-type]


PROGRAM = """
import sys
from pathlib import Path
import torch
sys.path.insert(0, sys.argv[1])
from gendr_adapters import _native
core = _native.load(Path(sys.argv[2]))
_native.library = lambda device_type="cpu": core
from test_shading import Inputs, bits_of
kinds = ("maps", "corners", "texels")
torch.save({
    **{(kind, 12): bits_of(Inputs(kind, channels=5, dtype=torch.float32), 12) for kind in kinds},
    **{(kind, 44): bits_of(Inputs(kind, n_faces=(3, 2), channels=3, dtype=torch.float32), 44) for kind in kinds},
}, sys.argv[3])
"""


def test_any_order_of_threads_gives_the_same_bits(tmp_path: Path) -> None:
    """Faces in pieces among them."""
    found = {}
    for order in ("natural", "reverse", "7"):
        results = tmp_path / f"{order}.pt"
        done = run_python(PROGRAM, Path(__file__).parent, emulated_core("device"), results, order=order)
        assert done.returncode == 0, done.stderr
        found[order] = torch.load(results)
    for order in ("reverse", "7"):
        for run, values in found["natural"].items():
            assert any(bool(x.any()) for x in values.values())
            for name, value in values.items():
                assert torch.equal(found[order][run][name], value), (order, run, name)


@pytest.mark.parametrize("kind", ["maps", "corners", "texels"])
def test_faces_in_pieces(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their sums are those of the CPU core."""
    inputs = Inputs(kind, n_faces=(3, 2), channels=5)
    want = {name: value.detach() for name, value in bits_of(inputs, 44).items()}
    core = _native.load(emulated_core("device"))
    monkeypatch.setattr(_native, "library", lambda device_type="cpu": core)
    for name, value in bits_of(inputs, 44).items():
        torch.testing.assert_close(value, want[name], atol=1e-9 * float(want[name].abs().max()), rtol=0, msg=name)


@pytest.mark.usefixtures("cuda_core")
def test_contributions_far_apart() -> None:
    """What is 1e12 times smaller than its neighbours keeps digits: a rounding is some 2^-54 here, of sums of 5e-12."""
    grad = torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(3), dtype=torch.float64) + 0.5
    small = grad.clone()
    small[..., SIZE // 2 :] *= 1e-12  # columns
    maps = torch.zeros(1, 4, 4, 1, dtype=torch.float64)
    even, apart = grad_of_maps(grad, maps, "nearest"), grad_of_maps(small, maps, "nearest")
    assert even.min() > 0.1
    torch.testing.assert_close(apart[:, :, :2], even[:, :, :2], rtol=1e-12, atol=0)
    torch.testing.assert_close(apart[:, :, 2:], 1e-12 * even[:, :, 2:], rtol=2e-4, atol=0)


@pytest.mark.usefixtures("cuda_core")
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("sign", [1, -1])
def test_all_pixels_on_one_texel(size: float, sign: int) -> None:
    """The bound is reached: every pixel adds its whole gradient, brightest under its light, to the same texel."""
    normals = torch.tensor([0.0, 0.0, -1.0]).expand(2, 3, 3)
    lighting = Lighting(
        torch.tensor(SQUARE), normals, torch.zeros(3), torch.tensor([0.5]),
        torch.tensor([[0.0, 0.0, -1.0, 0.0]]), torch.tensor([[7.5]]), torch.tensor([[0.0]]), torch.tensor(1.0),
    )  # fmt: skip
    grad = torch.zeros(1, 1, SIZE, SIZE)
    grad[..., 2:-2, 2:-2] = sign * size
    got = grad_of_maps(grad, torch.zeros(1, 1, 1, 1), lighting=lighting)
    want = grad.double().sum() * 8
    torch.testing.assert_close(got.double().flatten(), want[None], rtol=1e-5, atol=0)


@pytest.mark.usefixtures("cuda_core")
def test_no_gradient() -> None:
    assert not grad_of_maps(torch.zeros(1, 2, SIZE, SIZE), torch.ones(1, 3, 3, 2)).any()


@pytest.mark.usefixtures("cuda_core")
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_gradient_that_is_no_number(bad: float) -> None:
    """It is NaN where it comes to, and nothing elsewhere."""
    grad, maps = torch.ones(1, 2, SIZE, SIZE), torch.ones(1, 4, 4, 2)
    grad[0, 1, 3, 3] = 0
    want = grad_of_maps(grad, maps, "nearest")
    grad[0, 1, 3, 3] = bad
    got = grad_of_maps(grad, maps, "nearest")
    assert got.isnan().sum() == 1 and got[..., 1].isnan().any()
    torch.testing.assert_close(got[~got.isnan()], want[~got.isnan()], rtol=1e-6, atol=0)


@pytest.mark.usefixtures("cuda_core")
def test_index_out_of_range() -> None:
    """It cannot be refused, for it is in the GPU's memory: the nearest map is shown."""
    grad, maps = torch.ones(1, 1, SIZE, SIZE), torch.ones(3, 2, 2, 1)
    want = grad_of_maps(grad, maps, index=torch.tensor([0, 2]))
    assert torch.equal(grad_of_maps(grad, maps, index=torch.tensor([-(2**62), 2**62])), want)
