"""The public names of both doors, and the arguments of each, in the originals' order and with their defaults.

What follows is written down from the originals' sources. A door may take more: by keyword alone, or after all others.
"""

import inspect
from typing import Any

import pytest
import torch

import gendr_adapters.gendr as gendr
import gendr_adapters.softras as sr

MESH = "vertices, faces, textures=None, texture_res=1, texture_type='surface'"
FROM_OBJ = "filename_obj, normalization=False, load_texture=False, texture_res=1, texture_type='surface'"
EYES = "perspective=True, viewing_angle=30, viewing_scale=1.0, eye=None"
CAMERA = (
    f"camera_mode='projection', P=None, dist_coeffs=None, orig_size=512, {EYES}, camera_direction=(0, 0, 1), "
    "light_mode='surface', light_intensity_ambient=0.5, light_color_ambient=(1, 1, 1), "
    "light_intensity_directionals=0.5, light_color_directionals=(1, 1, 1), light_directions=(0, 1, 0)"
)
LIGHTS = (
    "intensity_ambient=0.5, color_ambient=(1, 1, 1), intensity_directionals=0.5, color_directionals=(1, 1, 1), "
    "directions=(0, 1, 0)"
)
SOFT = (
    "sigma_val=1e-5, dist_func='euclidean', dist_eps=1e-4, gamma_val=1e-4, aggr_func_rgb='softmax', "
    "aggr_func_alpha='prod', texture_type='surface'"
)
PICTURE = "image_size=256, background_color=(0, 0, 0), near=1, far=100"
GENDR = (
    "dist_func='uniform', dist_scale=1e-2, dist_squared=False, dist_shape=None, dist_shift=None, dist_eps=1e4, "
    "aggr_alpha_func='probabilistic', aggr_alpha_t_conorm_p=None, aggr_rgb_func='softmax', aggr_rgb_eps=1e-3, "
    "aggr_rgb_gamma=1e-3, near=1, far=100"
)

SHARED_FUNCTIONS = {
    "get_points_from_angles": "distance, elevation, azimuth, degrees=True",
    "ambient_lighting": "light, light_intensity=0.5, light_color=(1, 1, 1)",
    "directional_lighting": "light, normals, light_intensity=0.5, light_color=(1, 1, 1), light_direction=(0, 1, 0)",
    "load_obj": "filename_obj, normalization=False, load_texture=False, texture_res=4, texture_type='surface'",
    "look": "vertices, eye, direction=(0, 1, 0), up=None",
    "look_at": "vertices, eye, at=(0, 0, 0), up=(0, 1, 0)",
    "save_obj": "filename, vertices, faces, textures=None, texture_res=16, texture_type='surface'",
    "save_voxel": "filename, voxel",
    "face_vertices": "vertices, faces",
    "vertex_normals": "vertices, faces",
    "voxelization": "faces, size, normalize=False",
}
SHARED_CLASSES = {
    "Mesh": MESH,
    "Mesh.from_obj": FROM_OBJ,
    "Mesh.save_obj": "self, filename_obj, save_texture=False, texture_res_out=16",
    "Mesh.voxelize": "self, voxel_size=32",
    "Projection": "P, dist_coeffs=None, orig_size=512",
    "LookAt": EYES,
    "LookAt.set_eyes": "self, eyes",
    "LookAt.set_eyes_from_angles": "self, distances, elevations, azimuths",
    "Look": f"camera_direction=(0, 0, 1), {EYES}",
    "AmbientLighting": "light_intensity=0.5, light_color=(1, 1, 1)",
    "DirectionalLighting": "light_intensity=0.5, light_color=(1, 1, 1), light_direction=(0, 1, 0)",
    "LaplacianLoss": "vertex, faces, average=False",
    "LaplacianLoss.forward": "self, x",
    "FlattenLoss": "faces, average=False",
    "FlattenLoss.forward": "self, vertices, eps=1e-6",
}
SOFTRAS = {
    **SHARED_CLASSES,
    **{f"functional.{name}": arguments for name, arguments in SHARED_FUNCTIONS.items()},
    "functional.perspective": "vertices, angle=30.0",
    "functional.orthogonal": "vertices, scale",
    "functional.projection": "vertices, P, dist_coeffs, orig_size",
    "functional.soft_rasterize": f"face_vertices, textures, {PICTURE}, fill_back=True, eps=1e-3, {SOFT}",
    "Mesh.reset_": "self",
    "Mesh.fill_back_": "self",
    "Lighting": f"light_mode='surface', {LIGHTS}",
    "Transform": CAMERA.partition(", light_mode")[0],
    "Transform.set_eyes": "self, eyes",
    "Transform.set_eyes_from_angles": "self, distances, elevations, azimuths",
    "SoftRasterizer": f"{PICTURE}, anti_aliasing=False, fill_back=False, eps=1e-3, {SOFT}",
    "SoftRasterizer.forward": "self, mesh, mode=None",
    "Renderer": f"{PICTURE}, anti_aliasing=True, fill_back=True, eps=1e-6, {CAMERA}",
    "Renderer.forward": "self, mesh, mode=None",
    "SoftRenderer": f"{PICTURE}, anti_aliasing=False, fill_back=True, eps=1e-3, {SOFT}, {CAMERA}",
    "SoftRenderer.forward": "self, vertices, faces, textures=None, mode=None, texture_type='surface'",
    "SoftRenderer.render_mesh": "self, mesh, mode=None",
    "SoftRenderer.set_sigma": "self, sigma",
    "SoftRenderer.set_gamma": "self, gamma",
    "SoftRenderer.set_texture_mode": "self, mode",
}
OF_GENDR = {
    **SHARED_CLASSES,
    **{f"functional.{name}": arguments for name, arguments in SHARED_FUNCTIONS.items()},
    "functional.look_at": f"{SHARED_FUNCTIONS['look_at']}, only_rotate=False",
    "functional.render": (
        "face_vertices, textures, image_size=256, background_color=(0, 0, 0), "
        f"{GENDR}, double_side=True, texture_type='surface'"
    ),
    "transform.perspective": "vertices, angle=30.0",
    "transform.orthogonal": "vertices, scale=1.0",
    "Lighting": LIGHTS,
    "GenDR": (
        "image_size=256, background_color=(0, 0, 0), anti_aliasing=False, "
        f"{GENDR}, double_side=False, texture_type='surface'"
    ),
    "GenDR.forward": "self, mesh",
    "GenDR.forward_tensors": "self, face_vertices, face_textures",
}
ALL = [(sr, *item) for item in SOFTRAS.items()] + [(gendr, *item) for item in OF_GENDR.items()]


def parsed(arguments: str) -> dict[str, Any]:
    """Names to defaults."""
    signature = eval(f"lambda {arguments}: None")
    return {name: p.default for name, p in inspect.signature(signature).parameters.items()}


@pytest.mark.parametrize(("door", "name", "arguments"), ALL, ids=lambda x: x if isinstance(x, str) else "")
def test_arguments(door: Any, name: str, arguments: str) -> None:
    found = door
    for part in name.split("."):
        found = getattr(found, part)
    given = {
        parameter.name: parameter.default
        for parameter in inspect.signature(found).parameters.values()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    }
    expected = parsed(arguments)
    assert list(given)[: len(expected)] == list(expected)
    assert all(given[extra] is not inspect.Parameter.empty for extra in list(given)[len(expected) :])
    for argument, default in expected.items():
        if default is not inspect.Parameter.empty:
            assert given[argument] == default, argument
        else:
            assert argument == "scale" or given[argument] is inspect.Parameter.empty


@pytest.mark.parametrize("name", ["SoftRasterizer", "SoftRenderer", "Renderer", "GenDR"])
def test_gradient_is_a_keyword_of_the_modules(name: str) -> None:
    make: Any = getattr(sr, name, None) or getattr(gendr, name)
    keyword = inspect.signature(make).parameters["gradient"]
    assert keyword.kind is inspect.Parameter.KEYWORD_ONLY and keyword.default == "reference"
    required = {"P": torch.ones(1, 3, 4)} if name.endswith("Renderer") else {}
    with pytest.raises(ValueError, match="gradient must be one of 'reference', 'exact', got 'true'"):
        make(gradient="true", **required)


@pytest.mark.parametrize("door", [sr, gendr])
def test_names(door: Any) -> None:
    expected = SOFTRAS if door is sr else OF_GENDR
    own = {name.partition(".")[0] for name in expected}
    assert set(door.__all__) == own
    assert set(door.functional.__all__) == {name.partition(".")[2] for name in expected if "functional" in name}
    properties = (
        "face_textures",
        "face_vertices",
        "faces",
        "surface_normals",
        "textures",
        "vertex_normals",
        "vertices",
    )
    assert all(isinstance(getattr(door.Mesh, name), property) for name in properties)
