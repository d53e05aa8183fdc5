"""Other renderers, each in a file of its own, which imports them only when asked for their work.

What each does is as close to the case as its own interface allows; what differs is said in its file. They are built
from their own sources, outside this repository.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

from benchmarks.gpu.scenes import View
from benchmarks.gpu.timing import Work


class Peer(NamedTuple):
    title: str
    file: str  # in this package; has `work(view) -> Work`
    needs: str  # the module it imports

    def installed(self) -> bool:
        return find_spec(self.needs) is not None

    def work(self) -> Callable[[View], Work]:
        """Raises what importing it raises."""
        function: Callable[[View], Work] = import_module(f"{__name__}.{self.file}").work
        return function


PEERS = {
    peer.file: peer
    for peer in (
        Peer("SoftRas", "softras", "soft_renderer"),
        Peer("GenDR", "gendr", "gendr"),
        Peer("PyTorch3D K=50", "pytorch3d", "pytorch3d"),
        Peer("nvdiffrast", "nvdiffrast", "nvdiffrast"),
        Peer("Kaolin DIB-R", "kaolin", "kaolin"),
    )
}
