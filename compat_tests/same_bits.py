"""`python -m compat_tests.same_bits REVISION`: are all results bit for bit those of another commit?

For changes that are to change nothing. Each of the two source trees runs its own copy of this program, on the golden
scenes of SoftRas and GenDR and on random ones: pictures, fragments and blended fragments with every gradient, float32
and float64, one thread and two, and with --emulated on the CUDA kernels as csrc/emu runs them, fewer scenes of each. A
digest of each result is compared, and of what went into it: where that differs, the programs do not draw the same
scenes, and nothing is said.
"""

import argparse
import hashlib
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from compat_tests.emulator.builds import emulated_core
from compat_tests.support.golden import FOLDER, golden_cases
from compat_tests.support.scenes import ALL_OUTPUTS, distribution_settings, t_conorm_settings
from gendr_adapters import RenderSettings, _native, blend_fragments, find_fragments, render
from gendr_adapters.gendr.functional import render as gendr_render
from gendr_adapters.softras.functional import soft_rasterize
from gendr_adapters.utils.command_line import positive_int

Results = dict[str, Tensor | None]

EMULATED_SHARE = 20  # the emulator takes about so many times as long


def random_settings(choose: random.Random) -> dict[str, Any]:
    distance = choose.choice(["euclidean", "euclidean", "barycentric"])
    gradient = choose.choice(["exact", "exact", "reference"])
    clip = choose.choice(["unit", "nonnegative", "none"])
    return {
        **choose.choice(distribution_settings() + 8 * [{"distribution": "logistic"}]),
        **choose.choice(t_conorm_settings() + 8 * [{"t_conorm": "probabilistic"}]),
        "dist_squared": choose.random() < 0.6,
        "distance": distance,
        "blend": choose.choice(["softmax", "softmax", "hard"]),
        "cull": choose.choice(["none", "back"]),
        "front": choose.choice(["counterclockwise", "clockwise"]),
        "alpha_range": choose.choice(["near_far", "all"]),
        "perspective_correct": choose.random() < 0.6,
        "projection": choose.choice(["perspective", "orthographic"]),
        "reach": choose.choice([None, None, 0.0, 0.05, 1.0]),
        "reach_shape": "distance" if distance == "barycentric" else choose.choice(["distance", "distance", "box"]),
        "min_coverage": choose.choice([0.0, 1e-6, 0.01]),
        "background_eps": choose.choice([1e-3, 0.0, 0.5]),
        "background_floor": choose.choice([0.0, 0.0, 1e-10, 0.5]),
        "softmax_range": choose.choice([None, (1.0, 3.0), (-5.0, 0.0)]),
        "half_extent": choose.choice([None, (0.5, 2.0)]),
        "gradient": gradient,
        "near_clip": choose.choice([None, 2.0, 3.0]) if (distance, gradient) == ("euclidean", "exact") else None,
        "clip": clip,
    }


def random_faces(generator: torch.Generator, images: int, faces: int, dtype: torch.dtype) -> Tensor:
    """(images, faces, 3, 3): triangles of all sizes, half of them with corners on a grid, so that edges meet pixels."""
    middle = 1.6 * torch.rand((images, faces, 1, 2), generator=generator, dtype=torch.float64) - 0.8
    size = 10 ** (-2.0 * torch.rand((images, faces, 1, 1), generator=generator, dtype=torch.float64))
    xy = middle + size * (2 * torch.rand((images, faces, 3, 2), generator=generator, dtype=torch.float64) - 1)
    xy[:, ::2] = (8 * xy[:, ::2]).round() / 8
    z = 1.2 + 5 * torch.rand((images, faces, 3, 1), generator=generator, dtype=torch.float64)
    return torch.cat([xy, z], -1).to(dtype)


def random_gradient(values: Tensor, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(values.shape, generator=generator, dtype=torch.float64).to(values.dtype)


def results_of_scene(seed: int, dtype: torch.dtype) -> Results:
    choose, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    settings = random_settings(choose)
    images, faces = choose.choice([1, 1, 2, 3]), choose.choice([1, 3, 8, 40])
    texels, channels = choose.choice([1, 3, 3, 4, 9]), choose.choice([1, 3, 3, 5])
    size = (choose.randint(1, 40), choose.randint(1, 40))
    batched = random_faces(generator, images, faces, dtype).requires_grad_()

    def random_values(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, dtype=torch.float64).to(dtype).requires_grad_()

    features = random_values(images, faces, texels, channels)
    background = random_values(images, channels)
    n_scales = choose.choice([1, images])
    scales = {
        "dist_scale": (10 ** (-5 + 4 * random_values(n_scales).detach())).requires_grad_(),
        "gamma": (10 ** (-4 + 4 * random_values(n_scales).detach())).requires_grad_(),
    }
    inputs = {"face_vertices": batched, "features": features, "background": background, **scales}
    out: Results = {f"input {name}": x for name, x in inputs.items()}

    all_settings = RenderSettings(**settings, **scales)
    rendered = render(batched, size, features, None, all_settings, background, ALL_OUTPUTS)
    out |= {f"render {name}": x for name, x in rendered._asdict().items()}
    wanted = {name: x for name, x in rendered._asdict().items() if x is not None and x.requires_grad}
    out |= _gradients("render", wanted, inputs, seed)

    fragments = find_fragments(batched, size, settings=all_settings)
    out |= {f"fragments {name}": x for name, x in fragments._asdict().items() if isinstance(x, Tensor)}
    numbers = {name: getattr(fragments, name) for name in ("weights", "depth", "distance2")}
    out |= _gradients("fragments", numbers, {"face_vertices": batched}, seed)

    if settings["blend"] == "softmax" and settings["gradient"] == "exact":
        shown = random_values(len(fragments.depth), channels)
        detached = [getattr(fragments, name).detach().requires_grad_() for name in ("depth", "distance2")]
        given = fragments._replace(depth=detached[0], distance2=detached[1])
        face_offsets = faces * torch.arange(images + 1)
        blended = blend_fragments(given, shown, size, all_settings, background, face_offsets)
        picture = {"image": blended.image, "alpha": blended.alpha}
        out |= {f"blend {name}": x for name, x in picture.items()}
        leaves = dict(zip(("depth", "distance2"), detached, strict=True)) | {"values": shown, "background": background}
        out |= _gradients("blend", picture, leaves | scales, seed)
    return out


def _gradients(what: str, outputs: dict[str, Any], inputs: dict[str, Tensor], seed: int) -> Results:
    wanted = [x for x in outputs.values() if x.requires_grad]
    if not wanted:
        return {}
    incoming = [random_gradient(x, seed + i) for i, x in enumerate(wanted)]
    grads = torch.autograd.grad(wanted, list(inputs.values()), incoming, allow_unused=True)
    return {f"{what} gradient of {name}": grad for name, grad in zip(inputs, grads, strict=True)}


def results_of_golden(case: Any, dtype: torch.dtype) -> Results:
    faces = torch.tensor(case.face_vertices, dtype=dtype, requires_grad=True)
    textures = torch.tensor(case.textures, dtype=dtype, requires_grad=True)
    door: Any = soft_rasterize if case.meta["renderer"] == "softras" else gendr_render
    image = door(faces, textures, image_size=case.image_size, **case.params)
    image.backward(torch.tensor(case.grad_image, dtype=dtype))
    return {"image": image, "gradient of faces": faces.grad, "gradient of textures": textures.grad}


def all_results(n_scenes: int, emulated: bool) -> Iterator[tuple[str, Results]]:
    stems = [path.stem for path in sorted(FOLDER.glob("*_*.npz")) if path.stem != "gendr_scalars"]
    cases = [case for stem in stems for case in golden_cases(stem)]
    threads = (1,) if emulated else (1, 2)
    if emulated:
        cases, n_scenes = cases[::EMULATED_SHARE], -(-n_scenes // EMULATED_SHARE)
    total = (len(cases) + n_scenes) * 2 * len(threads)
    with tqdm(total=total, disable=None) as progress:
        for count in threads:
            torch.set_num_threads(count)
            for dtype in (torch.float32, torch.float64):
                for case in cases:
                    yield f"golden {case.id}, {dtype}, {count} threads", results_of_golden(case, dtype)
                    progress.update()
                for seed in range(n_scenes):
                    yield f"scene {seed}, {dtype}, {count} threads", results_of_scene(seed, dtype)
                    progress.update()


def digest(value: Tensor | None) -> str:
    if value is None:
        return "none"
    data = value.detach().contiguous()
    # NaNs have many bit patterns, and which of them an operation gives is not ours to promise.
    if data.is_floating_point():
        data = data.nan_to_num(nan=7e30, posinf=float("inf"), neginf=-float("inf"))
    return hashlib.sha256(str((data.dtype, tuple(data.shape))).encode() + data.numpy().tobytes()).hexdigest()[:16]


def digests(n_scenes: int, emulated: bool) -> dict[str, str]:
    if emulated:
        core = _native.load(emulated_core("device"))
        _native.library = lambda device_type="cpu": core
    return {
        f"{case}: {name}": digest(value)
        for case, results in all_results(n_scenes, emulated)
        for name, value in results.items()
    }


def digests_of_tree(tree: Path, arguments: list[str]) -> dict[str, str]:
    command = [sys.executable, "-m", "compat_tests.same_bits", "--digests", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    done = subprocess.run(command, cwd=tree, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m compat_tests.same_bits", description=__doc__)
    parser.add_argument("revision", nargs="?", default="HEAD", help="the commit to compare with (default: HEAD)")
    parser.add_argument("--scenes", type=positive_int, default=2000, help="random scenes (default: 2000)")
    parser.add_argument("--emulated", action="store_true", help="the CUDA kernels, emulated, instead of the CPU core")
    parser.add_argument("--digests", action="store_true", help=argparse.SUPPRESS)  # of this tree, as JSON
    options = parser.parse_args()
    if options.digests:
        json.dump(digests(options.scenes, options.emulated), sys.stdout)
        return

    from build_tools.revision import ROOT, built_revision

    arguments = ["--scenes", str(options.scenes), *(["--emulated"] if options.emulated else [])]
    theirs = digests_of_tree(built_revision(options.revision), arguments)
    ours = digests_of_tree(ROOT, arguments)
    differing = [key for key in ours if ours[key] != theirs.get(key)]
    if theirs.keys() != ours.keys() or any(": input " in key for key in differing):
        sys.exit(f"{options.revision} draws other scenes: nothing was compared")
    for key in differing[:40]:
        print(key)
    print(f"{len(differing)} of {len(ours):,} results differ from those of {options.revision}")
    sys.exit(1 if differing else 0)


if __name__ == "__main__":
    main()
