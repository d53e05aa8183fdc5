"""Gradients of texture maps are sums of any number of contributions of any size; and what is special to the CUDA core:
sums in 64-bit fixed point, faces in pieces, lights a part at a time, threads in any order, texels chosen twice.
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from emulator.builds import emulated_core, run_python
from support.allocations import peak_of_allocations
from support.devices import DEVICES, cpu_core
from test_kernels_agree import Passes, cores, library
from test_shading import FILTERS, PADDINGS, Inputs, bits_of
from torch import Tensor
from torch.testing import assert_close

from gendr_adapters import Lighting, RenderSettings, TextureMaps, render

SIZE = 24
# A face that covers the picture and all of the map: uv is (0, 0) in the lower left pixel's corner, (1, 1) opposite.
COVERING = [[[-1.0, -1.0, 2.0], [3.0, -1.0, 2.0], [-1.0, 3.0, 2.0]]]
COVERING_UVS = [[[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]]]
HARD = RenderSettings(blend="hard", dist_scale=1e-4)


def moved(inputs: Inputs, device: str) -> Inputs:
    inputs.leaves = {name: x.detach().to(device).requires_grad_() for name, x in inputs.leaves.items()}
    inputs.offsets = inputs.offsets.to(device)
    inputs.index = None if inputs.index is None else inputs.index.to(device)
    return inputs


def gradient_of_map(
    maps: Tensor, weights: Tensor, settings: RenderSettings = HARD, lighting: Lighting | None = None, **sampling: Any
) -> Tensor:
    """d/d maps of (weights * image).sum(), one face in the picture."""
    maps = maps.detach().requires_grad_()
    faces, uvs = (torch.tensor(x).to(maps) for x in (COVERING, COVERING_UVS))
    size = (weights.shape[-2], weights.shape[-1])
    image = render(faces, size, TextureMaps(maps, uvs, **sampling), settings=settings, lighting=lighting).image
    assert image is not None
    return torch.autograd.grad(image, maps, weights)[0]


@DEVICES
@pytest.mark.parametrize("size", [30, 80], ids=["small faces", "faces in pieces"])
def test_every_run_gives_the_same_bits(device: str, size: int) -> None:
    faces = (60, 30) if size == 30 else (3, 2)
    inputs = moved(Inputs(n_faces=faces, channels=5, dtype=torch.float32), device)
    first = bits_of(inputs, size)
    assert all(x.isfinite().all() and x.any() for x in first.values())
    for _ in range(3):
        assert all(torch.equal(value, first[name]) for name, value in bits_of(inputs, size).items())


@DEVICES
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_contributions_far_apart(device: str, dtype: torch.dtype) -> None:
    """Texels of the map's left get 1e-12 of what those of its right get; one column gets both."""
    generator = torch.Generator().manual_seed(0)
    weights = torch.rand(1, 2, SIZE, SIZE, generator=generator, dtype=torch.float64) + 0.5
    weights[..., : SIZE // 2] *= 1e-12
    weights = weights.to(dtype)
    maps = torch.rand(5, 5, 2, generator=generator, dtype=torch.float64)
    got = gradient_of_map(maps.to(device, dtype), weights.to(device)).double().cpu()
    # Each texel's from weights of one size: the left's of the picture's left half, and the others' of the right half.
    with cpu_core():
        left, right = weights.double().clone(), weights.double().clone()
        left[..., SIZE // 2 :] = 0
        right[..., : SIZE // 2] = 0
        left, right = gradient_of_map(maps, left), gradient_of_map(maps, right)
    both = right[:, 2] != 0
    assert both.all() and not right[:, :2].any() and left[:, :2].all()
    # Fixed point: a contribution, of which a texel gets a hundred, is off by 2^-60 of the channel's weights together.
    lost = 100 * float(weights.double().sum((0, 2, 3)).max()) * 2.0**-60
    rounding = 1e-5 if dtype == torch.float32 else 1e-12
    assert lost < 2e-3 * float(left[:, :2].min())
    assert_close(got[:, :2], left[:, :2], rtol=rounding, atol=lost)
    assert_close(got[:, 2:], left[:, 2:] + right[:, 2:], rtol=rounding, atol=lost)


@DEVICES
@pytest.mark.parametrize("lit", [False, True], ids=["plain", "lit"])
@pytest.mark.parametrize(
    ("dtype", "size"),
    [(torch.float32, x) for x in (1e-30, 1.0, 1e30)] + [(torch.float64, x) for x in (1e-290, 1.0, 1e290)],
    ids=str,
)
def test_all_of_a_gradient_in_one_texel(device: str, dtype: torch.dtype, size: float, lit: bool) -> None:
    """The most that a texel can get: every pixel is its, with all of its light, and all have the same sign."""
    like = {"dtype": dtype, "device": device}
    lighting, bright = None, 1.0
    if lit:  # seven lights straight above
        normals = torch.tensor([0.0, 0.0, 1.0], **like).expand(1, 3, 3)
        lights = torch.tensor([[0.0, 0.0, 1.0, 0.0]], **like).expand(7, 4)
        diffuse = torch.arange(1.0, 8.0, **like)[:, None].expand(7, 2)
        ambient, eye = torch.full((2,), 0.5, **like), torch.tensor([0.0, 0.0, 1.0], **like)
        lighting, bright = Lighting(torch.zeros_like(normals), normals, eye, ambient, lights, diffuse), 28.5
    weights = torch.full((1, 2, SIZE, SIZE), size, **like)
    weights[:, 1] *= -1
    got = gradient_of_map(torch.rand(1, 1, 2, **like), weights, lighting=lighting)
    want = bright * SIZE**2 * size
    assert_close(got.double() / want, torch.tensor([[[1.0, -1.0]]]).to(got.device).double(), rtol=1e-5, atol=0)


@DEVICES
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_nan_gradient_affects_only_its_texels(device: str, bad: float) -> None:
    generator = torch.Generator().manual_seed(1)
    maps = torch.rand(6, 6, 2, generator=generator).to(device)
    weights = torch.rand(1, 2, SIZE, SIZE, generator=generator).to(device)
    spoilt, without = weights.clone(), weights.clone()
    spoilt[0, 0, 3, 5], without[0, 0, 3, 5] = bad, 0.0
    for filter in FILTERS:
        got, want = (gradient_of_map(maps, w, filter=filter) for w in (spoilt, without))
        spoilt_texels = ~got.isfinite()
        assert 1 <= int(spoilt_texels.sum()) <= (1 if filter == "nearest" else 4)
        assert not spoilt_texels[..., 1].any()  # the other channel's
        assert torch.equal(got[got.isfinite()], want[got.isfinite()])


@DEVICES
def test_no_gradient_of_the_image(device: str) -> None:
    maps = torch.rand(6, 6, 2, device=device)
    assert not gradient_of_map(maps, torch.zeros(1, 2, SIZE, SIZE, device=device)).any()


@pytest.mark.cuda
@pytest.mark.parametrize("kind", ["maps", "corners", "texels"])
def test_faces_in_pieces(device: str, kind: str) -> None:
    """Some faces of more than 1,024 pixels, and some of fewer."""
    settings = {"dist_scale": 0.003}
    with cpu_core():
        want = bits_of(Inputs(kind, n_faces=(3, 2), channels=5), 60, **settings)
    got = bits_of(moved(Inputs(kind, n_faces=(3, 2), channels=5), device), 60, **settings)
    for name, value in want.items():
        assert_close(got[name].cpu(), value, rtol=0, atol=1e-11 * float(value.detach().abs().max()), msg=name)


@pytest.mark.cuda
def test_index_out_of_range_is_the_nearest_map(device: str) -> None:
    """Values in a GPU's memory cannot be refused; they must not lead out of the maps."""
    inputs = moved(Inputs(), device)
    n_faces = inputs.bounds[-1]
    wild = torch.tensor([-1, 3, 7, -(2**63), 2**63 - 1, 2**32, -(2**31), 1, 0, 2], device=device)[:n_faces]
    results = []
    for index in (wild, wild.clamp(0, 2)):
        inputs.index = index
        results.append(bits_of(inputs, 12))
    for name, value in results[1].items():
        assert torch.equal(results[0][name], value), name


@pytest.mark.cuda
def test_memory_of_lights_does_not_grow_with_faces(device: str) -> None:
    def peak(faces: int, lights: int) -> int:
        inputs = Inputs(n_faces=(faces,), dtype=torch.float32)
        with torch.no_grad():
            for name in ("light_positions", "diffuse", "specular"):
                inputs.leaves[name] = inputs.leaves[name][:, :1].repeat(1, lights, 1).requires_grad_()
        inputs = moved(inputs, device)

        def step() -> None:
            bits_of(inputs, 8)

        step()
        return peak_of_allocations(step)

    assert peak(200, 24) - peak(200, 1) <= peak(50, 24) - peak(50, 1)


THREADS = """
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


@pytest.mark.slow
def test_any_order_of_threads_gives_the_same_bits(tmp_path: Path) -> None:
    """Of the emulated CUDA core; faces in pieces among them."""
    found = {}
    for order in ("natural", "reverse", "7"):
        results = tmp_path / f"{order}.pt"
        done = run_python(THREADS, Path(__file__).parent, emulated_core("device"), results, order=order)
        assert done.returncode == 0, done.stderr
        found[order] = torch.load(results)
    for order in ("reverse", "7"):
        for run, values in found["natural"].items():
            assert any(bool(x.any()) for x in values.values())
            for name, value in values.items():
                assert torch.equal(found[order][run][name], value), (order, run, name)


class Texels:
    """Scenes where the last bit of a weight chooses the texel: features, of which the picture is a linear function."""

    @staticmethod
    def of_maps(dtype: torch.dtype, **sampling: Any) -> tuple[Tensor, Any, Tensor]:
        """Every corner of a face has the same uv, half way between two texels."""
        generator = torch.Generator().manual_seed(3)
        n, texels = 40, 7
        faces = torch.rand(n, 3, 3, generator=generator, dtype=torch.float64) * 2 - 1
        faces[..., 2] += 3
        steps = torch.randint(-3, 10, (n, 1, 2), generator=generator)
        between = steps / texels if not sampling["align_corners"] else (steps + 0.5) / (texels - 1)
        maps = torch.rand(texels, texels, 2, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        return faces.to(dtype), TextureMaps(maps, between.to(dtype).expand(n, 3, 2), **sampling), maps

    @staticmethod
    def of_faces(dtype: torch.dtype) -> tuple[Tensor, Any, Tensor]:
        """Corners at centres of pixels as far apart as there are texels: pixels lie on the edges between texels."""
        generator = torch.Generator().manual_seed(4)
        n, texels = 12, 11
        first = torch.randint(0, SIZE - texels, (n, 1, 2), generator=generator)
        corners = first + texels * torch.tensor([[0, 0], [1, 0], [0, 1]])
        depths = 2 + torch.rand(n, 1, 1, generator=generator, dtype=torch.float64).expand(n, 3, 1)
        faces = torch.cat([(2 * corners + 1 - SIZE).double() / SIZE, depths], 2)
        colours = torch.rand(n, texels**2, 2, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()
        return faces.to(dtype), colours, colours


def assert_backward_chooses_forwards_texels(faces: Tensor, features: Any, leaf: Tensor, **settings: Any) -> None:
    """A picture linear in its features is the sum of features times their gradients, if both passes chose the same."""
    s = RenderSettings(**{"dist_scale": 1e-3, "far": 10.0, "gamma": 0.1, **settings})
    weights = torch.rand(1, 2, SIZE, SIZE, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    images = []
    for forward in cores():
        # Whatever is chosen, the gradient is of the same kernel: only forward's choices can differ from its.
        with library(Passes(cores().fused, gendr_render_forward=forward.gendr_render_forward)):
            image = render(faces, SIZE, features, settings=s).image
            assert image is not None
            gradient = torch.autograd.grad(image, leaf, weights.to(image))[0]
        shown, summed = (weights * image.detach()).sum(), (leaf.detach().double() * gradient.double()).sum()
        assert float(shown) > 1
        assert_close(summed, shown, rtol=1e-5 if faces.dtype == torch.float32 else 1e-12, atol=0)
        images.append(image.detach())
    tolerance = 1e-4 if faces.dtype == torch.float32 else 1e-10
    assert_close(images[0], images[1], rtol=0, atol=tolerance)


@pytest.mark.slow
@pytest.mark.exact_coordinates
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("padding", PADDINGS)
def test_backward_chooses_forwards_texels_of_maps(padding: str, align_corners: bool, dtype: torch.dtype) -> None:
    for filter in FILTERS:
        scene = Texels.of_maps(dtype, filter=filter, padding=padding, align_corners=align_corners)
        for blend in ("softmax", "hard"):
            assert_backward_chooses_forwards_texels(*scene, blend=blend)


@pytest.mark.slow
@pytest.mark.exact_coordinates
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_backward_chooses_forwards_texels_of_faces(dtype: torch.dtype) -> None:
    for blend in ("softmax", "hard"):
        assert_backward_chooses_forwards_texels(*Texels.of_faces(dtype), blend=blend)
        assert_backward_chooses_forwards_texels(*Texels.of_faces(dtype), blend=blend, perspective_correct=False)
