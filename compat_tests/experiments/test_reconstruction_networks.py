"""Networks, losses and checkpoints of the reconstruction, against SoftRas' as its code describes them."""

import made_sets
import numpy as np
import pytest
import torch
from reconstruction import checkpoints, data
from reconstruction.networks import ColourDecoder, Decoder, Model, Reconstruction
from reconstruction.objective import Objective
from reconstruction.settings import PUBLISHED, chosen

import gendr_adapters.softras as sr
import gendr_adapters.softras.functional as srf
from gendr_adapters.data import path as data_path


def template():
    vertices, faces = srf.load_obj(data_path("sphere_642.obj"))
    return vertices, faces.long()


def model(width=1, coloured=True, seed=0):
    torch.manual_seed(seed)
    return Model(template(), width, coloured)


def published_layout():
    """Names and shapes of the checkpoint of SoftRas' examples/recon, as its models.py makes them."""
    shapes: dict[str, tuple[int, ...]] = {"decoder.vertices_base": (642, 3), "decoder.faces": (1280, 3)}
    for i, (c_in, c_out) in enumerate([(4, 64), (64, 128), (128, 256)], 1):
        shapes |= {f"encoder.conv{i}.weight": (c_out, c_in, 5, 5), f"encoder.conv{i}.bias": (c_out,)}
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"encoder.bn{i}.{name}"] = (c_out,)
        shapes[f"encoder.bn{i}.num_batches_tracked"] = ()
    linear = {
        "encoder.fc1": (16384, 1024),
        "encoder.fc2": (1024, 1024),
        "encoder.fc3": (1024, 512),
        "decoder.fc1": (512, 1024),
        "decoder.fc2": (1024, 2048),
        "decoder.fc_centroid": (2048, 3),
        "decoder.fc_bias": (2048, 1926),
    }
    for name, (n_in, n_out) in linear.items():
        shapes |= {f"{name}.weight": (n_out, n_in), f"{name}.bias": (n_out,)}
    return shapes


def test_the_layout_is_softras():
    with torch.device("meta"):
        own = Model((torch.empty(642, 3), torch.empty(1280, 3, dtype=torch.long)), PUBLISHED.width, coloured=False)
    assert {name: tuple(value.shape) for name, value in own.state_dict().items()} == published_layout()
    # Its optimizer counts parameters in this order.
    assert list(own.state_dict()) == [
        *own.encoder.state_dict(prefix="encoder."),
        *own.decoder.state_dict(prefix="decoder."),
    ]


def softras_file(path, source, **changes):
    """As SoftRas saves it, in torch's old format, its losses' matrices and the optimizer included."""
    weights = {
        **source.state_dict(),
        "laplacian_loss.laplacian": torch.eye(5),
        "flatten_loss.v0s": torch.arange(3),
        **changes,
    }
    weights = {name: value for name, value in weights.items() if value is not None}
    state = {"model": weights, "optimizer": torch.optim.Adam(source.parameters(), 1e-4).state_dict()}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    return path


@pytest.mark.parametrize("coloured", [False, True])
def test_a_checkpoint_of_softras_is_read(tmp_path, coloured):
    theirs = model(coloured=False, seed=1)
    path = softras_file(tmp_path / "checkpoint_0200000.pth.tar", theirs)
    ours = model(coloured=coloured, seed=2)
    before = {name: value.clone() for name, value in ours.state_dict().items() if name.startswith("colours.")}
    checkpoints.load_weights(ours, path, checkpoints.load(path)["model"])
    images = torch.rand(2, 4, 64, 64)
    assert torch.equal(ours.eval()(images).vertices, theirs.eval()(images).vertices)
    assert all(torch.equal(ours.state_dict()[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"encoder.fc2.bias": None}, "1 missing: encoder.fc2.bias"),
        ({"encoder.conv4.weight": torch.zeros(1)}, "1 unknown: encoder.conv4.weight"),
        ({"decoder.fc_bias.bias": torch.zeros(7)}, r"1 of another shape: decoder.fc_bias.bias \(7,\), not \(1926,\)"),
    ],
)
def test_a_checkpoint_of_another_model_is_refused(tmp_path, changes, said):
    path = softras_file(tmp_path / "other.pth.tar", model(coloured=False), **changes)
    ours = model(coloured=False, seed=2)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    with pytest.raises(ValueError, match=f"other.pth.tar is a checkpoint of another model: {said}"):
        checkpoints.load_weights(ours, path, checkpoints.load(path)["model"])
    assert made_sets.same(dict(ours.state_dict()), before)


def test_a_wider_model_is_another(tmp_path):
    path = softras_file(tmp_path / "wide.pth.tar", model(width=2, coloured=False))
    with pytest.raises(ValueError, match=r"of another shape: encoder.conv1.weight \(2, 4, 5, 5\), not \(1, 4, 5, 5\)"):
        checkpoints.load_weights(model(), path, checkpoints.load(path)["model"])


def test_file_that_is_not_a_checkpoint_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="no checkpoint .*none.pt"):
        checkpoints.load(tmp_path / "none.pt")
    path = tmp_path / "checkpoint.pt"
    checkpoints.save(path, {"model": {"a": torch.zeros(1000)}})
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="checkpoint.pt is damaged or no checkpoint"):
            checkpoints.load(path)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match="must be a dict with 'model'"):
        checkpoints.load(path)
    torch.save({"model": {}}, path)
    with pytest.raises(ValueError, match="no run to resume"):
        checkpoints.load_run(path)


def test_a_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path / "ran").mkdir, ()

    torch.save({"model": {"a": Evil()}}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="damaged or no checkpoint"):
        checkpoints.load(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_a_save_that_fails_leaves_the_old_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    checkpoints.save(path, {"model": {}, "step": 3})
    with pytest.raises(TypeError):
        checkpoints.save(path, {"model": {}, "step": (value for value in range(0))})
    assert checkpoints.load_run(path)["step"] == 3


def test_the_decoder_moves_the_template_as_softras_does():
    """Vertex by vertex: scaled by 0.5, moved in logits, pushed towards the centre, scaled by 0.5."""
    torch.manual_seed(0)
    vertices, faces = template()
    decoder = Decoder(vertices, faces, width=1).double()
    codes = torch.randn(2, 8, dtype=torch.float64)
    x = torch.relu(decoder.fc2(torch.relu(decoder.fc1(codes))))
    bias = decoder.fc_bias(x).view(2, 642, 3).detach().numpy()
    centre = np.tanh(0.1 * decoder.fc_centroid(x).detach().numpy())
    expected = np.zeros((2, 642, 3))
    for mesh in range(2):
        for v in range(642):
            for axis in range(3):
                base, c = 0.5 * float(vertices[v, axis]), centre[mesh, axis]
                if base != 0:
                    logit = np.log(abs(base) / (1 - abs(base))) + bias[mesh, v, axis]
                    moved = np.sign(base) / (1 + np.exp(-logit))
                    expected[mesh, v, axis] = moved * (1 - c) if base > 0 else moved * (1 + c)
                expected[mesh, v, axis] = 0.5 * (expected[mesh, v, axis] + c)
    made = decoder(codes)
    np.testing.assert_allclose(made.detach().numpy(), expected, atol=1e-12)
    made.square().sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in decoder.parameters())


def test_the_untrained_decoder_gives_the_template():
    vertices, faces = template()
    decoder = Decoder(vertices, faces, width=1)
    for parameter in decoder.parameters():
        torch.nn.init.zeros_(parameter)
    torch.testing.assert_close(decoder(torch.randn(1, 8))[0], vertices / 4)


def test_colours_come_from_the_thing_in_the_picture():
    torch.manual_seed(0)
    colours = ColourDecoder(5, width=1)
    images = torch.zeros(1, 4, 64, 64)
    images[:, 2] = 1  # a background of blue, without alpha
    images[:, :, 20:40, 10:30] = torch.tensor([0.2, 0.5, 0.0, 1.0])[:, None, None]
    images[:, :, 30:40, 10:30] = torch.tensor([0.8, 0.1, 0.0, 1.0])[:, None, None]
    made = colours(torch.randn(1, 8), images)[0].detach()
    assert made.shape == (5, 3)
    red, green, blue = made.unbind(1)
    assert bool((red > 0.2).all()) and bool((red < 0.8).all())
    torch.testing.assert_close(green, 0.5 - 0.4 * (red - 0.2) / 0.6, atol=1e-4, rtol=0)  # a mixture of the two
    assert float(blue.max()) < 1e-4
    assert bool(colours(torch.randn(1, 8), torch.zeros(1, 4, 64, 64)).isfinite().all())


@pytest.mark.parametrize("colour", [0.0, 0.7])
def test_objective_covers_all_four_pairs(colour):
    """SoftRas' renderer, one mesh and one view at a time."""
    torch.manual_seed(0)
    settings = chosen(PUBLISHED, {"colour": colour, "laplacian": 0.3, "flatten": 0.02})
    net = model(coloured=colour > 0)
    batch = 2
    pair = data.Pair(*torch.rand(2, batch, 4, 64, 64), *srf.get_points_from_angles(
        torch.full((2 * batch,), 2.732), 30.0, torch.tensor([0.0, 90.0, 200.0, 300.0])
    ).chunk(2))  # fmt: skip
    for images in (pair.images_a, pair.images_b):
        images[:, 3] = (images[:, 3] > 0.5).float()
    vertices = 0.25 * template()[0] + 0.01 * torch.randn(2 * batch, 642, 3)
    colours = torch.rand(2 * batch, 642, 3) if colour else None
    losses = Objective(settings, net)(Reconstruction(vertices, colours), pair, sigma=1e-4)
    renderer = sr.SoftRenderer(
        64, sigma_val=1e-4, camera_mode="look_at", viewing_angle=15, dist_eps=1e-10, light_intensity_ambient=1,
        light_intensity_directionals=0,
    )  # fmt: skip
    iou, apart = [], []
    for target, eye in ((pair.images_a, pair.eyes_a), (pair.images_b, pair.eyes_b)):
        for mesh in range(2 * batch):
            renderer.transform.set_eyes(eye[mesh % batch][None])
            texture = None if colours is None else colours[mesh : mesh + 1]
            kind = "surface" if colours is None else "vertex"
            image = renderer(vertices[mesh : mesh + 1], template()[1][None], texture, texture_type=kind)[0]
            wanted = target[mesh % batch]
            both = (image[3] * wanted[3]).sum()
            iou.append(1 - both / (image[3].sum() + wanted[3].sum() - both))
            apart.append((image[:3] - wanted[:3]).abs()[:, wanted[3] == 1].mean())
    laplacian = sr.LaplacianLoss(*template())(vertices).mean()
    flatten = sr.FlattenLoss(template()[1])(vertices).mean()
    expected = torch.stack(iou).mean() + 0.3 * laplacian + 0.02 * flatten + colour * torch.stack(apart).mean()
    torch.testing.assert_close(losses["total"], expected, rtol=1e-5, atol=1e-6)
    assert set(losses) == {"total", "iou", "laplacian", "flatten"} | ({"colour"} if colour else set())
