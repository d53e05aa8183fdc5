"""What we ask of the cameras that a rasteriser or a shader is given."""

from typing import Any

# What cameras have in PyTorch3D, and what we read of those of a program's own.
_READ = ("device", "get_world_to_view_transform", "get_camera_center")


def check_cameras(cameras: Any, user: str) -> None:
    """Raise ValueError for None, TypeError for what are not cameras; user: the class that needs them."""
    if cameras is None:
        raise ValueError(f"Cameras must be specified: pass them to {user} or to the call, renderer(..., cameras=)")
    if not isinstance(cameras, type) and all(hasattr(cameras, name) for name in (*_READ, "__len__")):
        return
    got = f"the class {cameras.__name__}" if isinstance(cameras, type) else type(cameras).__name__
    raise TypeError(
        f"cameras of {user} must be PyTorch3D's, such as FoVPerspectiveCameras, got {got}; "
        "gendr_adapters.cameras.to_pytorch3d makes them of a PinholeCamera"
    )
