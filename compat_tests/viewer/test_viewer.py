"""Viewer, its addresses, arguments and end; what a browser shows is in test_viewer_in_browser.py."""

import socket
from collections.abc import Iterator
from urllib.error import URLError
from urllib.request import urlopen

import pytest
import torch

from gendr_adapters.viewer import Viewer

TRIANGLE = torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]])
FACES = torch.tensor([[0, 1, 2]])


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    with Viewer(TRIANGLE, FACES, port=18080, quiet=True) as made:
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
    with Viewer(TRIANGLE, FACES, port=18080, quiet=True) as other:
        assert other.url != viewer.url


def test_address_is_printed_unless_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    with Viewer(TRIANGLE, FACES, port=18090) as made:
        assert capsys.readouterr().out == f"open {made.url} in a browser\n"


def test_update_takes_what_a_training_loop_has(viewer: Viewer) -> None:
    vertices = TRIANGLE.clone().requires_grad_()
    vertices.square().sum().backward()
    viewer.update(vertices)
    viewer.update(vertices, gradient=vertices.grad)
    with torch.no_grad():
        vertices.zero_()
    assert viewer._mesh.vertices.equal(TRIANGLE)


def test_stop_ends_wait_and_may_come_twice() -> None:
    made = Viewer(TRIANGLE, FACES, port=18100, quiet=True)
    made.stop()
    made.stop()
    made.wait()
    with pytest.raises(URLError):
        urlopen(made.url)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((TRIANGLE.tolist(), FACES), TypeError, "vertices must be a tensor, got list"),
        ((TRIANGLE[:, :2], FACES), ValueError, r"vertices must be \(V, 3\), got shape \(3, 2\)"),
        ((TRIANGLE / 0, FACES), ValueError, "vertices must be finite, got 9 numbers that are not finite"),
        ((TRIANGLE, FACES.float()), TypeError, "faces must be an int64 or int32 tensor"),
        ((TRIANGLE, FACES[:0]), ValueError, r"faces must be \(F, 3\), at least one, got shape \(0, 3\)"),
        ((TRIANGLE, FACES + 1), ValueError, r"faces must be in \[0, 3\), got 1 to 3"),
        ((TRIANGLE, FACES, TRIANGLE[:2]), ValueError, r"colours must be \(V, 3\) = \(3, 3\), got shape \(2, 3\)"),
    ],
)
def test_bad_input(arguments: tuple[torch.Tensor, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Viewer(*arguments, port=18110, quiet=True)


def test_bad_updates(viewer: Viewer) -> None:
    with pytest.raises(ValueError, match=r"vertices must be \(3, 3\), as the mesh's vertices, got shape \(2, 3\)"):
        viewer.update(TRIANGLE[:2])
    with pytest.raises(ValueError, match="vertices must be finite"):
        viewer.update(TRIANGLE / 0)
    with pytest.raises(ValueError, match=r"gradient must be \(3, 3\), as the mesh's vertices, got shape \(3,\)"):
        viewer.update(gradient=torch.ones(3))
