"""Rows and columns of the tables of optimize_shape and optimize_camera: names, pictures."""

import argparse
import json
import sys
from pathlib import Path

import imageio.v3 as imageio
import pytest
import torch

import gendr_adapters.gendr as gendr
from gendr_adapters import data

sys.path.append(str(Path(__file__).parents[2] / "experiments"))

from lab import grids, silhouettes, variants
from lab.options import mesh_file, mesh_name


def test_names_are_read_and_shown():
    assert variants.edge("logistic_squared") == variants.Edge("logistic", squared=True)
    assert variants.edge("gamma:0.5") == variants.Edge("gamma", False, 0.5)
    assert variants.t_conorm("yager:2") == variants.TConorm("yager", 2.0)
    for name in ("uniform", "gumbel_max_squared", "gamma_rev:0.5"):
        assert str(variants.edge(name)) == name
    for name in ("max", "hamacher:0", "schweizer_sklar:-2"):
        assert str(variants.t_conorm(name)) == name
    assert str(variants.Variant(variants.edge("cauchy"), variants.t_conorm("frank:2"))) == "cauchy, frank:2"


@pytest.mark.parametrize(
    ("read", "text", "message"),
    [
        (variants.edge, "logistik", "did you mean 'logistic'"),
        (variants.edge, "gamma", "needs shape"),
        (variants.edge, "gamma:-1", "dist_shape > 0"),
        (variants.edge, "logistic:1", "takes no shape"),
        (variants.edge, "gamma:x", "allowed are NAME and NAME:NUMBER"),
        (variants.edge, "hard", "no gradient"),
        (variants.t_conorm, "yager", "needs its parameter p"),
        (variants.t_conorm, "yager:-1", "p > 0"),
        (variants.t_conorm, "max:1", "takes no parameter"),
        (variants.t_conorm, "hard", "no gradient"),
    ],
)
def test_other_names_are_refused(read, text, message):
    with pytest.raises(ValueError, match=message):
        read(text)
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        variants.argument(read)(text)


def test_all_rows_and_columns_can_be_rendered():
    triangle = torch.tensor([[[-0.6, -0.5, 2.0], [0.6, -0.4, 2.0], [-0.1, 0.6, 2.0]]])
    faces = torch.tensor([[0, 1, 2]])
    for edge in variants.ALL_EDGES:
        for t_conorm in variants.ALL_T_CONORMS:
            settings = variants.Variant(edge, t_conorm).settings(1e-2, "exact")
            alpha = silhouettes.silhouettes(triangle, faces, 8, settings)
            assert alpha.isfinite().all() and alpha.max() > 0.5, (edge, t_conorm)


@pytest.mark.parametrize("name", ["logistic_squared", "logistic", "cauchy", "gamma:0.5"])
@pytest.mark.parametrize("gradient", ["exact", "reference"])
def test_silhouettes_are_those_of_the_gendr_door(name, gradient):
    mesh = gendr.LookAt(viewing_angle=15)(gendr.Mesh.from_obj(data.path("airplane.obj")))
    variant = variants.Variant(variants.edge(name), variants.t_conorm("yager:2"))
    door = gendr.GenDR(
        24,
        dist_func=variant.edge.name,
        dist_scale=3e-3,
        dist_squared=variant.edge.squared,
        dist_shape=variant.edge.shape,
        dist_eps=100,
        aggr_alpha_func="yager",
        aggr_alpha_t_conorm_p=2,
        aggr_rgb_func="hard",
        gradient=gradient,
    )
    weights = torch.rand(24, 24, generator=torch.Generator().manual_seed(0))
    results = []
    for draw in (
        lambda v: silhouettes.silhouettes(v, mesh.faces[0].long(), 24, variant.settings(3e-3, gradient)),
        lambda v: door(gendr.Mesh(v, mesh.faces))[:, 3],
    ):
        vertices = mesh.vertices.clone().requires_grad_()
        alpha = draw(vertices)
        (alpha * weights).sum().backward()
        results.append((alpha.detach(), vertices.grad))
    (ours, our_gradient), (theirs, their_gradient) = results
    assert ours.max() > 0.3
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    torch.testing.assert_close(our_gradient, their_gradient, rtol=1e-4, atol=1e-5 * our_gradient.abs().max().item())


def test_hard_silhouettes_are_those_of_the_gendr_door():
    mesh = gendr.LookAt(viewing_angle=15)(gendr.Mesh.from_obj(data.path("chair_1.obj")))
    door = gendr.GenDR(32, dist_func=0, dist_scale=1e-4, dist_squared=True, dist_eps=1, aggr_alpha_func=0)
    ours = silhouettes.silhouettes(mesh.vertices, mesh.faces[0].long(), 32, variants.HARD)
    assert torch.equal(ours, door(mesh)[:, 3]) and set(ours.unique().tolist()) == {0.0, 1.0}


def options(quick=True, distributions=None, t_conorms=None):
    return argparse.Namespace(quick=quick, distributions=distributions, t_conorms=t_conorms)


def test_cells_are_in_the_order_of_the_table():
    quick = ([variants.Edge("uniform"), variants.Edge("cauchy")], [variants.TConorm("max"), variants.TConorm("sum")])
    names = [str(variant) for variant in grids.variants(options(), quick)]
    assert names == ["uniform, max", "uniform, sum", "cauchy, max", "cauchy, sum"]
    chosen = options(distributions=[variants.Edge("levy")] * 2)
    assert [str(variant) for variant in grids.variants(chosen, quick)] == ["levy, max", "levy, sum"]
    assert len(grids.variants(options(quick=False), quick)) == len(variants.ALL_EDGES) * len(variants.ALL_T_CONORMS)


def test_table_and_picture(tmp_path):
    quick = ([variants.Edge("uniform"), variants.Edge("cauchy")], [variants.TConorm("max"), variants.TConorm("sum")])
    table = grids.table({variant: float(i) for i, variant in enumerate(grids.variants(options(), quick))})
    assert table == [
        {"distribution": "uniform", "max": 0.0, "sum": 1.0},
        {"distribution": "cauchy", "max": 2.0, "sum": 3.0},
    ]
    json.dumps(table)
    grids.write_heat_maps(tmp_path / "table.png", {"a": table, "b": table}, best="low")
    assert imageio.imread(tmp_path / "table.png").std() > 10


def test_mesh_files_of_the_command_line():
    assert mesh_file("teapot.obj") == data.path("teapot.obj")
    assert mesh_file(str(data.path("teapot.obj"))) == data.path("teapot.obj")
    assert mesh_name(mesh_file("teapot.obj")) == "teapot.obj"
    with pytest.raises(argparse.ArgumentTypeError, match="no such file: cup.obj; with the package come airplane.obj"):
        mesh_file("cup.obj")
