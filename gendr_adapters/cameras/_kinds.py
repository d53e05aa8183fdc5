"""Which of our cameras a converter was given."""

from ._orthographic import OrthographicCamera
from ._pinhole import PinholeCamera
from ._weak_perspective import WeakPerspectiveCamera

AnyCamera = PinholeCamera | OrthographicCamera | WeakPerspectiveCamera


def pinhole_or_orthographic(camera: object) -> PinholeCamera | OrthographicCamera:
    """The camera, a weak-perspective one as the orthographic one that it is. Raises TypeError for anything else."""
    if isinstance(camera, PinholeCamera):
        return camera
    found = _orthographic(camera)
    if found is None:
        raise TypeError(
            "camera must be a gendr_adapters.cameras.PinholeCamera, OrthographicCamera or WeakPerspectiveCamera, "
            f"got {type(camera).__name__}"
        )
    return found


def check_orthographic(camera: object) -> OrthographicCamera:
    """The camera as an OrthographicCamera. Raises TypeError for what is not an orthographic or weak-perspective one."""
    found = _orthographic(camera)
    if found is None:
        raise TypeError(
            "camera must be a gendr_adapters.cameras.OrthographicCamera or WeakPerspectiveCamera, "
            f"got {type(camera).__name__}"
        )
    return found


def _orthographic(camera: object) -> OrthographicCamera | None:
    if isinstance(camera, WeakPerspectiveCamera):
        return camera.to_orthographic()
    return camera if isinstance(camera, OrthographicCamera) else None
