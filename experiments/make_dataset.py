"""Render a small set of things, in five classes, in the layout of the NMR ShapeNet files.

    python experiments/make_dataset.py --out shapes
    python experiments/train_reconstruction.py --data shapes --small

Cars, chairs, lamps, rockets and tables, put together from boxes, prisms and cones with random proportions and colours;
each seen from the 24 directions of the NMR ShapeNet renderings (64 x 64 pixels, elevation 30, distance 2.732), with
voxels on a grid of 32. Files, axes and value ranges are those of the published set (CLASS_SET_images.npz and
CLASS_SET_voxels.npz, for train, val and test), so that what trains on one trains on the other.

The full set has 200 + 10 + 10 objects a class, --quick 100 + 4 + 4. Each object depends on --seed and its place alone.
A folder that has the set already is left as it is.
"""

import argparse

import numpy as np
from lab.experiment import Results, Row, run
from reconstruction import data, pictures
from reconstruction.making import QUICK, Recipe, make

from gendr_adapters.utils.command_line import positive_int


def experiment(options: argparse.Namespace) -> Results:
    preset = QUICK if options.quick else Recipe()
    counts = {name: getattr(options, name) or getattr(preset, name) for name in data.SETS}
    make(options.out, Recipe(**counts, seed=options.seed))
    classes = data.find_classes(options.out, None)
    sets = {name: data.load_set(options.out, classes, name) for name in data.SETS}
    rows: list[Row] = [
        {
            "class": name,
            **{set_name: len(objects.voxels[name]) for set_name, objects in sets.items()},
            "filled voxels": float(np.mean([grid.mean() for s in sets.values() for grid in s.voxels[name]])),
            "covered pixels": float(np.mean([s.images[name][:, :, 3].mean() / 255 for s in sets.values()])),
        }
        for name in classes
    ]
    overview = options.out / "overview.png"
    pictures.write_overview(overview, sets["train"])
    size = sum(path.stat().st_size for path in options.out.glob("*.npz"))
    objects = sum(int(row[name]) for row in rows for name in data.SETS)
    headline: Row = {"classes": len(classes), "objects": objects, "pictures": objects * 24, "megabytes": size / 1e6}
    return Results(headline, {"The made data set": rows}, [overview])


def add_options(parser: argparse.ArgumentParser) -> None:
    for name in data.SETS:
        help_text = (
            f"objects a class in the {name} set (default: {getattr(Recipe(), name)}, --quick: {getattr(QUICK, name)})"
        )
        parser.add_argument(f"--{name}", type=positive_int, help=help_text)


if __name__ == "__main__":
    run("make_dataset", __doc__, experiment, add_options)
