"""The commands of `gendr-adapters`."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import torch

from .. import __version__, load_mesh
from ._options import Colour, Device, FiniteRange, ImageSize

_VIDEOS = (".gif", ".mp4", ".mov", ".mkv", ".webm")


class _Program(click.Group):
    """Errors of the library are what the user did: one sentence, and no traceback."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (ValueError, OSError, ImportError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Program, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(__version__, prog_name="gendr-adapters")
def program() -> None:
    """Render meshes softly.

    Try `gendr-adapters render mesh.obj -o mesh.png`, or `gendr-adapters view mesh.obj` for a page in the browser.
    """


@program.command()
def info() -> None:
    """Print what this installation found: versions, native libraries, instruction set, GPUs."""
    from ..__main__ import print_info

    print_info()


@program.command()
@click.argument("mesh", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Picture or video.")
@click.option("--image-size", type=ImageSize(), default="512", help="A side, or width x height.")
@click.option("--elevation", type=FiniteRange(), default=20.0, help="Degrees above the horizon.")
@click.option("--azimuth", type=FiniteRange(), default=30.0, help="Degrees around the y axis; 0 looks along -z.")
@click.option("--distance", type=FiniteRange(min=0, min_open=True), help="World units; chosen to fit if not given.")
@click.option("--field-of-view", type=FiniteRange(0, 180, True, True), default=40.0, help="Degrees.")
@click.option("--softness", type=FiniteRange(min=0, min_open=True), help="Width of edges, pixels; sharp if not given.")
@click.option(
    "--show", type=click.Choice(["colour", "alpha", "depth", "normals"]), default="colour", help="What to show."
)
@click.option("--background", type=Colour(), default="white", help="Colour, or 'none' for a transparent picture.")
@click.option(
    "--frames", type=click.IntRange(min=1), default=48, help="Frames of a video, which is one turn around the mesh."
)
@click.option("--frames-per-second", type=FiniteRange(0, 100, True), default=24.0, help="Speed of a video.")
@click.option("--device", type=Device(), default="cpu", help="cpu, or cuda.")
def render(
    mesh: Path,
    out: Path,
    image_size: tuple[int, int],
    elevation: float,
    azimuth: float,
    distance: float | None,
    field_of_view: float,
    softness: float | None,
    show: str,
    background: tuple[float, float, float] | None,
    frames: int,
    frames_per_second: float,
    device: torch.device,
) -> None:
    """Render MESH (OBJ, PLY, GLB, glTF, STL, OFF) to a picture, or one turn around it to a GIF or MP4.

    The suffix of --out says which: .png and .jpg are pictures, .gif and .mp4 are videos.
    """
    from .. import save_image, save_video
    from ._pictures import Shot

    shot = Shot(load_mesh(mesh).to(device), image_size, field_of_view, distance, elevation, softness, show)
    if out.suffix.lower() not in _VIDEOS:
        image, alpha = shot.picture(azimuth)
        save_image(out, image, alpha, background=background)
    else:
        if background is None:
            raise click.UsageError("a video has a background: --background none goes with pictures")

        def turn() -> Iterator[torch.Tensor]:
            with click.progressbar(range(frames), label=f"rendering {out.name}") as numbers:
                for number in numbers:
                    yield shot.over(azimuth + 360 * number / frames, background)

        save_video(out, turn(), frames_per_second)
    click.echo(f"written: {out}")


@program.command()
@click.argument("mesh", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--host", default="127.0.0.1", help="Address to listen on; 0.0.0.0 lets everyone on the network in.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, help="The next free one if it is taken.")
def view(mesh: Path, host: str, port: int) -> None:
    """Show MESH in the browser, its soft rendering beside it, until Ctrl-C."""
    from ..viewer import Viewer

    Viewer(load_mesh(mesh), host=host, port=port).wait()


@program.command()
@click.argument("views", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Mesh file.")
@click.option(
    "--start",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Mesh to begin with; a sphere where the silhouettes are if not given.",
)
@click.option("--steps", type=click.IntRange(min=1), default=600, help="Steps of Adam; each looks at 8 views.")
@click.option(
    "--learning-rate",
    type=FiniteRange(0, 1, min_open=True),
    default=0.02,
    help="How far a vertex moves in a step, as a share of the first mesh's radius; it falls to 0.",
)
@click.option(
    "--image-size", type=click.IntRange(16, 1024), default=128, help="Larger pictures are made smaller: longer side."
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Seed of the order in which views are seen.")
@click.option("--device", type=Device(), default="cpu", help="cpu, or cuda.")
def fit(
    views: Path,
    out: Path,
    start: Path | None,
    steps: int,
    learning_rate: float,
    image_size: int,
    seed: int,
    device: torch.device,
) -> None:
    """Fit a mesh to silhouettes.

    VIEWS is a folder with a transforms.json, as NeRF's Blender scenes, instant-ngp and nerfstudio have it, or that file
    under another name. Silhouettes are the alpha of its pictures, or white on black in pictures without alpha.
    """
    from .. import save_mesh
    from ._fit import Fit, FitOptions
    from ._silhouettes import read_views

    loaded = None if start is None else load_mesh(start).to(device)
    run = Fit(read_views(views, image_size).to(device), loaded, FitOptions(steps, learning_rate, seed))
    # The fit takes minutes, which are not to be lost to a missing folder or to a suffix.
    if not out.parent.is_dir():
        raise click.UsageError(f"--out is in {out.parent}, and there is no such folder")
    with TemporaryDirectory() as trial:
        save_mesh(Path(trial) / out.name, run.mesh())
    with click.progressbar(run.steps(), length=steps, label="fitting") as done:
        for _ in done:
            pass
    save_mesh(out, run.mesh())
    ious = run.hard_iou()
    click.echo(f"intersection over union: mean {ious.mean():.3f}, lowest {ious.min():.3f} of {len(ious)} views")
    click.echo(f"written: {out}")


@program.command()
@click.option("--mesh", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A cow if not given.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("out"), help="Folder.")
@click.option("--image-size", type=click.IntRange(16, 1024), default=96, help="Side of each image, pixels.")
def gallery(mesh: Path | None, out: Path, image_size: int) -> None:
    """Draw grids: every distribution and every T-conorm at three widths of edges, with their gradients; one scene
    through every door; and what a limit of faces a pixel leaves out."""
    from .. import data
    from ._gallery import TICKS, write_gallery

    loaded = load_mesh(mesh or data.path("spot.obj"), textures=False)
    out.mkdir(parents=True, exist_ok=True)
    with click.progressbar(length=TICKS, label="drawing") as progress:
        written = write_gallery(loaded, out, image_size, lambda: progress.update(1))
    click.echo(f"written: {' '.join(map(str, written))}")


@program.command(context_settings={"ignore_unknown_options": True}, add_help_option=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def demo(arguments: tuple[str, ...]) -> None:
    """Turn a cow, and let a sphere learn to be an airplane; `demo --help` lists the options."""
    from ..demo.__main__ import main

    main(arguments)
