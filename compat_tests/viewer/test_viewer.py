"""Viewer, its addresses, arguments and end; what a browser shows is in test_viewer_in_browser.py."""

import socket
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import torch
import trimesh

from gendr_adapters import Mesh
from gendr_adapters.viewer import Viewer

TRIANGLE = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
FACES = torch.tensor([[0, 1, 2]])
MESH = Mesh(TRIANGLE, FACES)


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    with Viewer(MESH, port=18080, quiet=True) as made:
        yield made


def test_page_is_served(viewer: Viewer) -> None:
    with urlopen(viewer.url) as page:
        assert page.status == 200 and b"<html" in page.read()


def test_server_listens_only_on_loopback(viewer: Viewer) -> None:
    port = int(viewer.url.rpartition(":")[2])
    addresses = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for address in addresses - {"127.0.0.1", "127.0.1.1"}:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address, port), timeout=5)
    assert listening_address(port) == "0100007F"


def listening_address(port: int) -> str:
    """Of the socket that listens on a port, as Linux writes it: 0100007F is 127.0.0.1."""
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    found = {row[1].partition(":")[0] for row in rows if int(row[1].partition(":")[2], 16) == port and row[3] == "0A"}
    (address,) = found
    return address


def test_another_port_is_taken_where_one_is_in_use(viewer: Viewer) -> None:
    with Viewer(MESH, port=18080, quiet=True) as other:
        assert other.url != viewer.url


def test_address_is_printed_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with Viewer(MESH, port=18090) as made:
        assert capsys.readouterr().out == f"open {made.url} in a browser\n"


def test_update_takes_what_a_training_loop_has(viewer: Viewer) -> None:
    vertices = TRIANGLE.clone().requires_grad_()
    vertices.square().sum().backward()
    viewer.update(vertices)
    viewer.update(vertices, gradient=vertices.grad)
    with torch.no_grad():
        vertices.zero_()
    assert viewer._mesh.vertices.equal(TRIANGLE)


def test_mesh_is_sent_with_its_texture_or_with_colours_of_a_gradient(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer.stop()  # so that its own thread sends nothing
    sent: list[trimesh.Trimesh] = []
    monkeypatch.setattr(viewer._server.scene, "add_mesh_trimesh", lambda _, mesh: sent.append(mesh))
    textured = MESH._replace(uvs=torch.rand(1, 3, 2), texture=torch.rand(8, 8, 3))
    for colours in (None, torch.zeros(3, 3), None):
        viewer._show_mesh(textured, colours)
    assert [mesh.visual.kind for mesh in sent] == ["texture", "vertex", "texture"]
    assert viewer._heat(textured, None, [], []) is None
    assert viewer._heat(textured, torch.ones(3), [], []).shape == (3, 3)


def test_stop_ends_wait_and_may_come_twice() -> None:
    made = Viewer(MESH, port=18100, quiet=True)
    made.stop()
    made.stop()
    made.wait()
    with pytest.raises(URLError):
        urlopen(made.url)


@pytest.mark.parametrize(
    ("mesh", "error", "message"),
    [
        (TRIANGLE, TypeError, "mesh must be a gendr_adapters.Mesh, got Tensor"),
        (Mesh(TRIANGLE.tolist(), FACES), TypeError, "vertices must be a tensor, got list"),
        (Mesh(TRIANGLE[:, :2], FACES), ValueError, r"vertices must be \(3, 3\), got shape \(3, 2\)"),
        (Mesh(TRIANGLE[0], FACES), ValueError, r"vertices must be \(V, 3\), got shape \(3,\)"),
        (Mesh(TRIANGLE / 0, FACES), ValueError, "vertices must be finite in float32, got 9 numbers that are not"),
        (Mesh(TRIANGLE, FACES.float()), TypeError, "faces must be an int64 or int32 tensor"),
        (Mesh(TRIANGLE, FACES[:0]), ValueError, "the mesh has no faces"),
        (Mesh(TRIANGLE, FACES + 1), ValueError, r"faces must be in \[0, 3\), got 1 to 3"),
        (
            MESH._replace(vertex_colours=TRIANGLE[:2]),
            ValueError,
            r"vertex_colours must be \(3, 3\), got shape \(2, 3\)",
        ),
        (MESH._replace(texture=torch.ones(4, 4, 3)), ValueError, "a texture but no uvs"),
        (MESH._replace(texture=torch.ones(4)), ValueError, r"texture must be \(H, W, 3\), got shape \(4,\)"),
    ],
)
def test_bad_meshes(mesh: Mesh, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Viewer(mesh, port=18110, quiet=True)


def test_bad_updates(viewer: Viewer) -> None:
    with pytest.raises(ValueError, match=r"vertices must be \(3, 3\), as the mesh's vertices, got shape \(2, 3\)"):
        viewer.update(TRIANGLE[:2])
    with pytest.raises(ValueError, match="vertices must be finite"):
        viewer.update(TRIANGLE / 0)
    with pytest.raises(ValueError, match=r"gradient must be \(3, 3\), as the mesh's vertices, got shape \(3,\)"):
        viewer.update(gradient=torch.ones(3))
