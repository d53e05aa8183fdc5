"""Bad input of the PyTorch3D door: the message says what was got, and what to pass."""

from typing import Any

import pytest
import torch
from door_scenes import LIT, SHADERS, cameras_of, lights_of, meshes_of, renderer_of, settings_of
from pytorch3d.renderer import (
    FoVPerspectiveCameras,
    Materials,
    MeshRasterizer,
    MeshRenderer,
    PointLights,
    SoftPhongShader,
)
from pytorch3d.structures import Meshes

from gendr_adapters.cameras import from_opencv
from gendr_adapters.pytorch3d import (
    GenDRBlendParams,
    GenDRDepthShader,
    GenDRFlatShader,
    GenDRGouraudShader,
    GenDRNormalShader,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
    rasterize_meshes,
    swap,
)

COLOURED = (*LIT, GenDRNormalShader)


def draw(shader: Any, meshes: Meshes | None = None, cameras: Any = "as the shader's", **scene: Any) -> Any:
    scene = {"cameras": cameras_of("fov", dtype=torch.float32), "lights": lights_of(torch.float32), **scene}
    cameras = scene["cameras"] if isinstance(cameras, str) else cameras
    return renderer_of(shader(**scene), cameras)(meshes_of() if meshes is None else meshes)


def first_name(value: Any) -> str:
    return next(iter(value)) if isinstance(value, dict) else ""


def test_scene_of_this_file_is_valid() -> None:
    for shader in SHADERS:
        draw(shader)


def test_no_cameras() -> None:
    with pytest.raises(
        ValueError, match=r"Cameras must be specified: pass them to GenDRRasterizer or to the call, renderer\("
    ):
        draw(GenDRPhongShader, cameras=None)
    with pytest.raises(ValueError, match="Cameras must be specified"):
        GenDRRasterizer()(meshes_of())
    cameras = cameras_of("fov", dtype=torch.float32)
    for shader in (*COLOURED, GenDRDepthShader):
        name = shader.__name__
        with pytest.raises(
            ValueError, match=rf"Cameras must be specified: pass them to {name} or to the call, renderer\("
        ):
            renderer_of(shader(), cameras)(meshes_of())


def nothing_of_pytorch3d() -> list[Any]:
    pinhole = from_opencv(torch.eye(3)[None], torch.eye(3)[None], torch.zeros(1, 3), (8, 8), pixel_centre=0.5)
    return [pinhole, FoVPerspectiveCameras, [FoVPerspectiveCameras()], "fov", 3, torch.eye(4), {}, object()]


@pytest.mark.parametrize("given", nothing_of_pytorch3d(), ids=lambda x: getattr(x, "__name__", type(x).__name__))
def test_objects_that_are_not_cameras_are_refused(given: Any) -> None:
    got = given.__name__ if isinstance(given, type) else type(given).__name__
    expected = rf"cameras of %s must be PyTorch3D's, such as FoVPerspectiveCameras, got .*{got}; .*to_pytorch3d"
    cameras = cameras_of("fov", dtype=torch.float32)
    for rasterizer, call in ((GenDRRasterizer(given), {}), (GenDRRasterizer(cameras), {"cameras": given})):
        with pytest.raises(TypeError, match=expected % "GenDRRasterizer"):
            rasterizer(meshes_of(), **call)
    for shader in (*COLOURED, GenDRDepthShader):
        with pytest.raises(TypeError, match=expected % shader.__name__):
            renderer_of(shader(cameras=given), cameras)(meshes_of())
    with pytest.raises(TypeError, match=expected % "GenDRRasterizer"):
        swap(MeshRenderer(MeshRasterizer(given), SoftPhongShader(cameras=given)))(meshes_of())


@pytest.mark.parametrize("shader", LIT)
@pytest.mark.parametrize(
    ("name", "given"), [("lights", Materials()), ("lights", "bright"), ("materials", PointLights()), ("materials", 1.0)]
)
def test_objects_that_are_not_lights_or_materials_are_refused(shader: Any, name: str, given: Any) -> None:
    last = {"lights": "specular", "materials": "shininess"}[name]
    with pytest.raises(
        TypeError, match=f"{name} must be PyTorch3D's or have .* and {last}, got {type(given).__name__}"
    ):
        draw(shader, **{name: given})


def test_wrong_number_of_cameras() -> None:
    with pytest.raises(ValueError, match=r"2 meshes need 1 camera or 2, got 3.*meshes\.extend\(len\(cameras\)\)"):
        draw(GenDRSilhouetteShader, cameras=cameras_of("fov", 3, torch.float32))
    with pytest.raises(ValueError, match="1 meshes need 1 camera or 1, got 3"):
        GenDRRasterizer(cameras_of("fov", 3, torch.float32)).transform(meshes_of()[0])


@pytest.mark.parametrize(
    "what, value",
    [
        ("lights", PointLights(location=torch.rand(3, 3))),
        ("materials", Materials(shininess=torch.tensor([1.0, 2.0, 3.0]))),
    ],
)
@pytest.mark.parametrize("shader", LIT)
def test_wrong_number_of_lights_and_materials(shader: Any, what: str, value: Any) -> None:
    with pytest.raises(ValueError, match=what):
        draw(shader, **{what: value})


def test_textures() -> None:
    for shader in (GenDRPhongShader, GenDRFlatShader):
        with pytest.raises(
            ValueError, match=r"meshes have no textures: give them some, e\.g\. Meshes\(\.\.\., textures="
        ):
            draw(shader, meshes_of("none"))
    for kind, named in (("none", "none"), ("uv", "TexturesUV"), ("atlas", "TexturesAtlas")):
        message = f"meshes need TexturesVertex, got {named}; GenDRPhongShader takes any textures"
        with pytest.raises(ValueError, match=message):
            draw(GenDRGouraudShader, meshes_of(kind))


def test_devices() -> None:
    with pytest.raises(
        TypeError, match=r"meshes are on cpu, cameras on meta: move one.*renderer\.to\(meshes\.device\)"
    ):
        draw(GenDRSilhouetteShader, cameras=FoVPerspectiveCameras(device="meta"))
    for name, value in (("lights", PointLights(device="meta")), ("materials", Materials(device="meta"))):
        for shader in LIT:
            with pytest.raises(TypeError, match=rf"meshes are on cpu, {name} on meta: call renderer\.to\(device\)"):
                draw(shader, **{name: value})


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"blur_radius": -1.0}, ValueError, "blur_radius must be a squared distance in NDC, >= 0, got -1.0"),
        ({"blur_radius": float("nan")}, ValueError, "blur_radius must be .* got nan"),
        ({"faces_per_pixel": 0}, ValueError, "faces_per_pixel must be an int >= 1, or None for all faces, got 0"),
        ({"faces_per_pixel": 2.5}, ValueError, "faces_per_pixel must be .* got 2.5"),
        ({"z_clip_value": -1.0}, ValueError, "z_clip_value must be a depth >= 0 or None, got -1.0"),
        ({"z_clip_value": torch.tensor([0.1, 0.2])}, ValueError, "z_clip_value must be .* got tensor"),
        ({"image_size": 0}, ValueError, "image sides must be 1 to 32768 pixels, got 0"),
        ({"image_size": (3,)}, ValueError, r"image_size must be an int or \(H, W\), two ints, got \(3,\)"),
        ({"image_size": (100, 200, 3)}, ValueError, r"image_size must be .* got \(100, 200, 3\)"),
        ({"image_size": [8, 8, 8]}, ValueError, r"image_size must be .* got \(8, 8, 8\)"),
        ({"image_size": (8.0, 8.0)}, ValueError, r"image_size must be .* got \(8.0, 8.0\)"),
        ({"image_size": 2.5}, TypeError, "image_size must be .* got 2.5"),
    ],
    ids=first_name,
)
def test_settings(settings: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        GenDRRasterizer(cameras_of("fov", dtype=torch.float32), settings_of(**settings))(meshes_of())
    with pytest.raises(error, match=message):
        rasterize_meshes(meshes_of(), **{"image_size": 8, **settings})


def test_clip_rule() -> None:
    with pytest.raises(ValueError, match="unknown clip 'uni'; did you mean 'unit'"):
        GenDRRasterizer(cameras_of("fov", dtype=torch.float32), settings_of(), clip="uni")(meshes_of())


@pytest.mark.parametrize(
    "params, message, shaders",
    [
        ({"sigma": 0.0}, "sigma must be > 0.* got 0.0", SHADERS),
        ({"sigma": torch.tensor([1e-3, -1.0])}, "sigma must be > 0", SHADERS),
        ({"sigma": torch.ones(2, 1)}, r"sigma must be a number or a floating-point tensor of shape \(1,\)", SHADERS),
        ({"sigma": torch.full((3,), 1e-3)}, "sigma must have 1 entry or one for each image.*2.*, got 3", SHADERS),
        ({"gamma": 0.0}, "gamma must be > 0.* got 0.0", SHADERS),
        ({"gamma": torch.full((3,), 1e-3)}, "gamma must have 1 entry or one for each image.*2.*, got 3", COLOURED),
        (
            {"background_color": (1.0, 0.0)},
            r"background_color must be 3 numbers, as the colours have.* got shape \(2,\)",
            LIT,
        ),
        ({"background": "papr"}, "background must be 'pytorch3d', 'paper' or 'softras', got 'papr'", SHADERS),
        ({"background_eps": float("nan")}, "background_eps must be finite, got nan", SHADERS),
        ({"distribution": "logistik"}, "unknown distribution 'logistik'; did you mean 'logistic'", SHADERS),
        ({"t_conorm": "probabilstic"}, "did you mean 'probabilistic'", SHADERS),
        ({"t_conorm": "yager"}, "T-conorm 'yager' needs its parameter p", SHADERS),
        ({"distribution": "gamma"}, "distribution 'gamma' needs dist_shape > 0", SHADERS),
    ],
    ids=first_name,
)
def test_blend_params(params: dict[str, Any], message: str, shaders: Any) -> None:
    for shader in shaders:
        with pytest.raises(ValueError, match=message):
            draw(shader, blend_params=GenDRBlendParams(**params))


@pytest.mark.parametrize("shader", SHADERS)
def test_blend_params_of_another_type(shader: Any) -> None:
    message = "blend_params must be GenDRBlendParams or PyTorch3D's BlendParams, got tuple"
    with pytest.raises(TypeError, match=message):
        shader(blend_params=(1e-4, 1e-4, (1.0, 1.0, 1.0)))
    cameras = cameras_of("fov", dtype=torch.float32)
    with pytest.raises(TypeError, match=message):
        renderer_of(shader(cameras=cameras), cameras)(meshes_of(), blend_params=(1e-4, 1e-4, (1.0, 1.0, 1.0)))


@pytest.mark.parametrize("shader", COLOURED)
def test_depth_range(shader: Any) -> None:
    cameras = cameras_of("perspective", dtype=torch.float32)
    renderer = renderer_of(shader(cameras=cameras), cameras)
    with pytest.raises(ValueError, match="znear must be less than zfar, got 5.0 and 2.0"):
        renderer(meshes_of(), znear=5.0, zfar=2.0)
    with pytest.raises(ValueError, match="zfar must be one number, or one for each of 2 images, got 3"):
        renderer(meshes_of(), zfar=torch.tensor([10.0, 20.0, 30.0]))
