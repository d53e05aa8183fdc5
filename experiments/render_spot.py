"""The textured cow spot: her turn, what sigma and gamma do to her, and her OBJ file saved and read again.

SoftRas' examples/demo_render.py, with numbers. Of the blur sweep: how much of the picture is soft (the inner edges of
her faces are, too: two faces cover the edge they share by 1 - 1/2 * 1/2). Of the saved file: how far her texels and
pictures are from those of the file she was read from. A saved OBJ has its texture as an atlas, by default of 16 x 16
pixels for each face, as in SoftRas, from which texels are read anew: with 3 R + 3 pixels for R texels a side they
differ by the rounding to 8 bits.

Full: a turn of 90 pictures of 256 x 256, 2 to 16 texels a side; about a minute on two cores. --quick: 24 pictures of
128 x 128, 2 to 8 texels a side.

    python experiments/render_spot.py --frames 180 --image-size 512
"""

import argparse
import math
from dataclasses import replace
from pathlib import Path

import torch
from lab.experiment import Results, Row, run
from torch import Tensor
from tqdm import tqdm

import gendr_adapters.softras as sr
from gendr_adapters import data
from gendr_adapters.demo.spot import GAMMAS, SETTINGS, SIGMAS, Spot, write_blur_sweep, write_turntable
from gendr_adapters.utils.command_line import positive_int
from gendr_adapters.utils.pictures import to_uint8
from gendr_adapters.utils.plots import save_grid

NAME = "render_spot"
SOFTRAS_ATLAS = 16  # pixels a side for a face
AZIMUTHS = (0, 90, 180, 270)  # of the pictures of the saved file
ELEVATION, DISTANCE = 30.0, 2.732


def experiment(options: argparse.Namespace) -> Results:
    frames = options.frames or (24 if options.quick else 90)
    size = options.image_size or (128 if options.quick else 256)
    pictures = [options.out / name for name in ("turn.gif", "blur.png", "saved.png")]
    with torch.no_grad():
        spot = Spot()
        write_turntable(pictures[0], spot, frames, size)
        write_blur_sweep(pictures[1], spot, size // 2)
        soft = [softness(spot, sigma, size) for sigma in SIGMAS]
        saved = [
            saved_and_read(
                options.out / f"spot_{texels}_{pixels}.obj",
                texels,
                pixels,
                size,
                options.device,
                pictures[2] if texels == 5 else None,
            )
            for texels, pixels in tqdm(
                [(t, p) for t in ((2, 5, 8) if options.quick else (2, 5, 8, 16)) for p in (SOFTRAS_ATLAS, 3 * t + 3)],
                desc="saved and read",
                unit="file",
            )
        ]
    return Results(
        headline={
            "soft share at sigma 1e-6": soft[0]["soft share"],
            "at 1e-2": soft[-1]["soft share"],
            "PSNR of SoftRas' atlas, dB": min(row["PSNR, dB"] for row in saved[::2]),
            "of a fitting one": min(row["PSNR, dB"] for row in saved[1::2]),
            "largest difference of a vertex": max(row["largest difference of a vertex"] for row in saved),
        },
        tables={
            f"Blur: share of the {size} x {size} pixels with alpha in (0.01, 0.99), and mean alpha": soft,
            "Saved as OBJ with its texture and read again, four pictures": saved,
        },
        pictures=pictures,
    )


def softness(spot: Spot, sigma: float, size: int) -> Row:
    """How much of spot's picture is neither in nor out. gamma has no part in it: it blends colours."""
    alpha = spot.render(315.0, size, replace(SETTINGS, dist_scale=sigma, gamma=GAMMAS[0])).alpha
    assert alpha is not None
    share = ((alpha > 0.01) & (alpha < 0.99)).double().mean().item()
    return {"sigma": sigma, "soft share": share, "mean alpha": alpha.mean().item()}


def saved_and_read(path: Path, texels: int, atlas: int, size: int, device: torch.device, picture: Path | None) -> Row:
    """Write spot with texels x texels a face to path, with atlas x atlas pixels for them, read it, and compare."""
    mesh = _mesh(data.path("spot.obj"), texels, device)
    mesh.save_obj(path, save_texture=True, texture_res_out=atlas)
    again = _mesh(path, texels, device)
    before, after = pictures_of(mesh, size), pictures_of(again, size)
    if picture:
        rows = [[to_uint8(image[:3].cpu()) for image in images] for images in (before, after)]
        save_grid(picture, rows, ["read", "saved and read"], [f"azimuth {azimuth}" for azimuth in AZIMUTHS])
    return {
        "texels a side": texels,
        "pixels of the atlas": atlas,
        "PSNR, dB": psnr(before[:, :3], after[:, :3]),
        "largest difference of a texel": (mesh.textures - again.textures).abs().amax().item(),
        "largest difference of a vertex": (mesh.vertices - again.vertices).abs().amax().item(),
        "MiB of the files": sum(file.stat().st_size for file in path.parent.glob(path.stem + ".*")) / 2**20,
    }


def pictures_of(mesh: sr.Mesh, size: int) -> Tensor:
    """(4, 4, S, S), from all sides."""
    renderer = sr.SoftRenderer(size, background_color=(1, 1, 1), camera_mode="look_at")
    renderer.transform.set_eyes_from_angles(DISTANCE, ELEVATION, torch.tensor(AZIMUTHS).to(mesh.vertices))
    n = len(AZIMUTHS)
    batch = sr.Mesh(mesh.vertices.expand(n, -1, -1), mesh.faces.expand(n, -1, -1), mesh.textures.expand(n, -1, -1, -1))
    return renderer.render_mesh(batch).clamp(0, 1)


def psnr(a: Tensor, b: Tensor) -> float:
    """Decibels, of pictures in [0, 1]; infinite where they are equal."""
    error = (a - b).square().mean().item()
    return 10 * math.log10(1 / error) if error else math.inf


def _mesh(path: Path, texels: int, device: torch.device) -> sr.Mesh:
    mesh = sr.Mesh.from_obj(path, load_texture=True, texture_res=texels)
    return sr.Mesh(mesh.vertices.to(device), mesh.faces.to(device), mesh.textures.to(device))


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--frames", type=positive_int, help="frames of the turn (default: 90; --quick: 24)")
    parser.add_argument(
        "--image-size", type=positive_int, help="side of the pictures, pixels (default: 256; --quick: 128)"
    )


if __name__ == "__main__":
    run(NAME, __doc__, experiment, add_options)
