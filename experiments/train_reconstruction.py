"""Shape and colours from a single picture, learned from pictures alone (Liu et al., "Soft Rasterizer", ICCV 2019).

    python experiments/train_reconstruction.py --quick               a made data set, two minutes on two cores
    python experiments/train_reconstruction.py --small               a larger one, five minutes
    python experiments/train_reconstruction.py --data FOLDER         the published protocol, on NMR ShapeNet
    torchrun --nproc-per-node 8 experiments/train_reconstruction.py --data FOLDER --device cuda

An encoder and a decoder turn a picture into a mesh, a sphere of 642 vertices moved, and colours for its vertices. Two
pictures of each thing give two meshes; both must have the silhouette and the colours of both pictures, and be smooth.
Voxels only measure: their IoU with what was reconstructed, class by class, in the val and test sets; beside it the IoU
of the template, of the mean shape of all training objects, and of their class.

Data are the files of the NMR ShapeNet renderings as published (CLASS_SET_images.npz, CLASS_SET_voxels.npz), or what
make_dataset.py wrote. --quick and --small make a set in --out where --data names none.

The full run is the published protocol: 13 classes, 250,000 steps of 64 objects, Adam 1e-4, sigma 1e-4, both times 0.3
from step 150,000 on, Laplacian 0.005, flatten 0.0005; with --colour 0 the published networks, else also colours, which
were in the paper and not in its code. A step costs 1.9 s of a core's time (AMD EPYC; 1.4 s without colours, 0.2 s with
--quick), the run 130 hours of one core; on a GPU it has not been measured. Pictures take 16 KB each, in every process:
17 GB for ShapeNet's 44,000 objects.

OUT/checkpoint.pt has all of a run: after an interruption (Ctrl-C, SIGTERM, or worse, up to --save-every steps back),
the same command with --resume goes on and gives what it would have given, bit for bit. SoftRas' checkpoints are read by
--weights, to begin from or, with --evaluate, to measure. TensorBoard logs are in OUT/logs. With torchrun a batch is
shared out among processes, on one machine or many (--out and --data on a common disk); the steps are those of one
process, to rounding.
"""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from lab.experiment import Results, Row, run
from lab.runs import median_index
from reconstruction import checkpoints, data, making, pictures
from reconstruction.evaluation import BATCH, evaluate, guesses, mean_iou
from reconstruction.logs import Logs
from reconstruction.loop import Interrupted, train
from reconstruction.networks import Model, Reconstruction
from reconstruction.processes import Processes, joined
from reconstruction.settings import PUBLISHED, QUICK, SMALL, Settings, chosen, continued
from reconstruction.training import Training
from reconstruction.voxels import voxel_iou, voxels_of

import gendr_adapters.softras.functional as srf
from gendr_adapters.data import path as data_path
from gendr_adapters.utils.command_line import non_negative_float, positive_int

MOST_SHOWN = 10  # classes in the animation
SHOWN = (
    "Of each class the test object whose voxel IoU is the median: the picture, what was made of it, and the object "
    "itself, both turning."
)


class Prepared(NamedTuple):
    training: Training
    sets: dict[str, data.ObjectSet]
    checkpoint: Path


def experiment(options: argparse.Namespace) -> Results:
    with joined(options.device) as processes:
        try:
            training, sets, checkpoint = _prepare(options, processes)
        except (OSError, ValueError) as error:
            sys.exit(f"error: {error}")
        processes.wait()
        model = training.model
        first = processes.rank == 0
        if not options.evaluate:
            logs = Logs(options.out / "logs", training.step) if first else None
            save_every = options.save_every or max(1, min(10_000, training.settings.steps // 10))
            try:
                train(
                    training,
                    checkpoint,
                    logs,
                    save_every,
                    lambda: mean_iou(evaluate(model, sets["val"], processes, 12)),
                )
            except Interrupted as interrupted:
                if first:
                    print(f"{interrupted}; the same command with --resume goes on", file=sys.stderr)
                sys.exit(130)
            except FloatingPointError as error:
                kept = f"{checkpoint} is of before" if checkpoint.exists() else "no checkpoint was written yet"
                sys.exit(f"error: {error}; {kept}. A smaller --learning-rate may help")
            finally:
                if logs is not None:
                    logs.close()
        scores = {name: evaluate(model, sets[name], processes, options.every) for name in ("val", "test")}
        results = _results(training, sets, scores)
        if first:
            picture = options.out / "reconstructions.gif"
            _write_turning(picture, model, sets["test"])
            results.pictures.append(picture)
            results = results._replace(shown={picture: SHOWN})
        return results


def _prepare(options: argparse.Namespace, processes: Processes) -> Prepared:
    """All that may fail for what the user asked for, before anything is trained or overwritten."""
    checkpoint = options.out / "checkpoint.pt"
    settings, saved, weights = _settings(options, checkpoint)
    folder = options.data
    if folder is None:
        if not (options.quick or options.small):
            raise ValueError(f"the published protocol needs --data FOLDER: {data.WHERE}; or try --quick or --small")
        folder = options.out / "data"
        recipe = making.QUICK if options.quick else making.Recipe()
        if processes.rank == 0:
            making.make(folder, recipe._replace(seed=settings.seed))
        processes.wait()
    classes = data.find_classes(folder, options.classes)
    sets = {name: data.load_set(folder, classes, name) for name in data.SETS}
    vertices, faces = srf.load_obj(data_path("sphere_642.obj"))
    torch.manual_seed(settings.seed)
    model = Model((vertices, faces.long()), settings.width, coloured=settings.colour > 0)
    if weights is not None:
        checkpoints.load_weights(model, options.weights, weights)
    training = Training(settings, model, sets["train"], processes)
    if saved is not None:
        training.restore(saved)
    return Prepared(training, sets, checkpoint)


def _settings(
    options: argparse.Namespace, checkpoint: Path
) -> tuple[Settings, dict[str, Any] | None, dict[str, Any] | None]:
    """The run's settings; the checkpoint to go on from; the weights to begin with."""
    given = {name: getattr(options, name) for name in asdict(PUBLISHED) if getattr(options, name, None) is not None}
    seed = given.pop("seed")
    preset = QUICK if options.quick else SMALL if options.small else PUBLISHED
    if options.resume:
        if options.weights:
            raise ValueError("--resume has weights of its own: give it or --weights")
        saved = checkpoints.load_run(options.resume if isinstance(options.resume, Path) else checkpoint)
        return continued(saved["settings"], {**given, **({"seed": seed} if seed else {})}), saved, None
    if options.evaluate and not options.weights:
        raise ValueError("--evaluate needs --weights or --resume: there is nothing to measure yet")
    if checkpoint.exists() and not options.evaluate and not options.overwrite:
        old = checkpoints.load_run(checkpoint)
        if not options.quick or old["step"] < old["settings"]["steps"]:
            at = f"step {old['step']} of {old['settings']['steps']}"
            raise FileExistsError(
                f"{checkpoint} has a run at {at}: --resume it, --overwrite it, or choose another --out"
            )
    weights = checkpoints.load(options.weights)["model"] if options.weights else None
    settings = chosen(preset, {**given, "seed": seed})
    if weights is not None and options.evaluate and not checkpoints.has_colours(weights):
        settings = chosen(settings, {"colour": 0.0})
    return settings, None, weights


def _results(training: Training, sets: dict[str, data.ObjectSet], scores: dict[str, Any]) -> Results:
    decoder = training.model.decoder
    untrained = decoder.vertices_base[None] * decoder.obj_scale / 2
    template = voxels_of(untrained, decoder.faces)[0].cpu()
    guessed = guesses(sets["train"], template, sets["test"])
    coloured = training.settings.colour > 0
    rows: list[Row] = []
    for name in sets["test"].classes:
        row: Row = {"class": data.CLASS_NAMES.get(name, name)}
        row |= {"val IoU": scores["val"][name].iou, "test IoU": scores["test"][name].iou}
        row |= {f"{kind}'s IoU": iou for kind, iou in guessed[name].items()}
        if coloured:
            row |= {"colour error": scores["test"][name].colour, "with one colour": scores["test"][name].one_colour}
        rows.append(row)
    mean: Row = {key: sum(float(row[key]) for row in rows) / len(rows) for key in rows[0] if key != "class"}
    tables = {"Single-view reconstruction: voxel IoU and colours in the test set": [*rows, {"class": "mean", **mean}]}
    if training.history:
        tables["Along the training"] = [dict(row) for row in training.history]
    return Results({"steps": training.step, **mean}, tables, [])


def _write_turning(path: Path, model: Model, objects: data.ObjectSet) -> None:
    """From view 2, of each class the object with the median voxel IoU, of the first BATCH in the test set."""
    shown = objects.classes[:MOST_SHOWN]
    model.eval()
    labels, truth, vertices, colours = [], [], [], []
    for name in shown:
        images = torch.from_numpy(objects.images[name][:BATCH, 2]).to(model.decoder.vertices_base) / 255
        with torch.no_grad():
            made = model(images)
        grids = torch.from_numpy(objects.voxels[name][:BATCH]).to(images.device)
        ious = voxel_iou(voxels_of(made.vertices, model.decoder.faces), grids)
        median = median_index(ious)
        labels.append((data.CLASS_NAMES.get(name, name), f"IoU {ious[median].item():.3f}"))
        truth.append(torch.from_numpy(objects.images[name][median]).float() / 255)
        vertices.append(made.vertices[median])
        if made.colours is not None:
            colours.append(made.colours[median])
    chosen = Reconstruction(torch.stack(vertices), torch.stack(colours) if colours else None)
    views = torch.stack(truth)
    pictures.write_turning(path, views[:, 2], chosen, model.decoder.faces, views, labels)


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, help="folder with the data set, in the NMR ShapeNet layout")
    parser.add_argument("--classes", type=_names, help="classes to use, ids or names: a,b,c (default: all)")
    parser.add_argument("--small", action="store_true", help="narrow networks and few steps: five minutes on two cores")
    counts = {
        "steps": "steps of the optimizer",
        "batch": "objects a step",
        "decay_at": "step at which the learning rate decays",
        "width": "width of layers",
    }
    for name, what in counts.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=positive_int, metavar="N", help=_help(what, name))
    numbers = {
        "learning_rate": "learning rate of Adam",
        "sigma": "softness of edges, NDC squared",
        "laplacian": "weight of the Laplacian loss",
        "flatten": "weight of the flatten loss",
        "colour": "weight of the colour loss; 0: no colours",
    }
    for name, what in numbers.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=non_negative_float, metavar="X", help=_help(what, name))
    parser.add_argument("--gradient", choices=("exact", "reference"), help="gradient of the renderer (default: exact)")
    parser.add_argument(
        "--resume", nargs="?", type=Path, const=True, help="go on from a checkpoint (default: OUT/checkpoint.pt)"
    )
    parser.add_argument("--weights", type=Path, help="begin with the weights of a checkpoint, ours or SoftRas'")
    parser.add_argument("--evaluate", action="store_true", help="measure --weights or --resume, and do not train")
    parser.add_argument(
        "--every", type=positive_int, default=1, help="evaluate every n-th of the 24 pictures (default: 1)"
    )
    parser.add_argument(
        "--save-every", type=positive_int, help="steps between checkpoints (default: a tenth, at most 10000)"
    )
    parser.add_argument("--overwrite", action="store_true", help="begin anew where OUT has a run")


def _help(what: str, name: str) -> str:
    values = [f"{getattr(settings, name):g}" for settings in (PUBLISHED, SMALL, QUICK)]
    return f"{what} (default: {values[0]}; --small {values[1]}; --quick {values[2]})"


def _names(text: str) -> list[str]:
    return [name for name in text.split(",") if name]


if __name__ == "__main__":
    run("train_reconstruction", __doc__, experiment, add_options)
