"""render_mesh against a ray caster, pixel by pixel; its batches, gradients, planes and errors."""

import math
import warnings
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from kaolin_meshes import (
    ASSIGNMENTS,
    FACES,
    HEIGHT,
    WIDTH,
    camera,
    lights,
    materials,
    octahedron,
    random,
    uv_mesh,
)
from mesh_reference import Seen, shade, trace, unit
from support.messages import about
from torch import Tensor

from gendr_adapters import RenderSettings, render
from gendr_adapters.kaolin import render_mesh

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
ORTHO = {"fov_distance": 0.7}
EXTRA = ("alpha", "depth", "normals_camera")


def full_mesh(kaolin: Any, seed: int = 0, assignments: Tensor = ASSIGNMENTS) -> Any:
    return uv_mesh(kaolin, seed=seed, materials=materials(kaolin, seed), material_assignments=assignments)


def expected(
    view: Any, mesh: Any, lighting: Any, normals: Tensor, tangents: Tensor | None, wrap: bool
) -> dict[str, Tensor]:
    """By the ray caster. normals, tangents: (F, 3, 3) of the corners."""
    shape = (1, HEIGHT, WIDTH)
    names = ("render", "albedo", "normals", "diffuse", "specular", "normals_camera")
    pictures = {name: torch.zeros(*shape, 3, dtype=torch.float64) for name in names}
    pictures |= {
        "uvs": torch.zeros(*shape, 2, dtype=torch.float64),
        "depth": torch.zeros(*shape, 1, dtype=torch.float64),
    }
    pictures |= {"features": torch.zeros(*shape, 4, dtype=torch.float64), "face_idx": torch.full(shape, -1)}
    for row in range(HEIGHT):
        for column in range(WIDTH):
            hit = trace(view, mesh.vertices, FACES, row, column)
            if hit is None:
                continue
            a, b, c = mesh.vertices[FACES[hit.face]]
            eye = view.extrinsics.cam_pos()[0, :, 0]
            if view.intrinsics.lens_type == "pinhole":
                to_camera = unit(eye - hit.point)
            else:
                to_camera = view.extrinsics.view_matrix()[0, 2, :3]
            turned = torch.sign(torch.linalg.cross(b - a, c - a) @ to_camera)
            uv = hit.weights @ mesh.uvs[mesh.face_uvs_idx[hit.face]]
            number = int(mesh.material_assignments[hit.face])
            seen: Seen = shade(
                mesh.materials[number],
                lighting,
                turned * (hit.weights @ normals[hit.face]),
                None if tangents is None else hit.weights @ tangents[hit.face],
                uv,
                to_camera,
                wrap,
            )
            values = seen._asdict() | {
                "render": seen.diffuse + seen.specular,
                "uvs": uv % 1,
                "features": hit.weights @ mesh.vertex_features[FACES[hit.face]],
                "depth": hit.depth[None],
                "normals_camera": view.extrinsics.view_matrix()[0, :3, :3] @ seen.normals,
                "face_idx": torch.tensor(hit.face),
            }
            for name, value in values.items():
                pictures[name][0, row, column] = value
    return pictures


@pytest.mark.slow
@pytest.mark.parametrize("lens", ["pinhole", "ortho"])
@pytest.mark.parametrize("first", range(4))
def test_pictures_are_the_ray_casters(kaolin: Any, lens: str, first: int) -> None:
    """first: the material of the face that fills most of the picture."""
    view = camera(kaolin, **(ORTHO if lens == "ortho" else {}))
    assignments, lighting = (ASSIGNMENTS + first) % 4, lights(kaolin)
    found = render_mesh(view, full_mesh(kaolin, assignments=assignments), lighting, extra_passes=EXTRA)
    reference = full_mesh(kaolin, assignments=assignments)
    smooth = torch.stack([reference.vertex_normals[corners] for corners in FACES])
    tangents = torch.stack([reference.vertex_tangents[corners] for corners in FACES])
    wanted = expected(view, reference, lighting, smooth, tangents, wrap=True)
    assert torch.equal(found["face_idx"], wanted["face_idx"])
    assert 40 < (wanted["face_idx"] >= 0).sum() < 0.8 * HEIGHT * WIDTH
    shown = assignments[wanted["face_idx"][wanted["face_idx"] >= 0]]
    assert len(shown.unique()) > 2 and (shown == first).sum() > 20
    for name, picture in wanted.items():
        torch.testing.assert_close(found[name], picture, rtol=0, atol=2e-6, msg=about(name))
    assert set(found) == {*wanted, "alpha"}


@pytest.mark.parametrize("lens", ["pinhole", "ortho"])
def test_faces_across_the_near_plane(kaolin: Any, lens: str) -> None:
    """They are cut as the lens projects them: what is left is what the ray caster hits behind the plane."""
    mesh = full_mesh(kaolin)
    depths = -camera(kaolin).extrinsics.transform(mesh.vertices)[0, :, 2]
    near = float(depths.min() + 0.4 * (depths.max() - depths.min()))
    view = camera(kaolin, near=near, **(ORTHO if lens == "ortho" else {"fov": math.radians(27.0), "x0": 0.7}))
    reference = full_mesh(kaolin)
    normals = torch.stack([reference.vertex_normals[corners] for corners in FACES])
    wanted = expected(view, reference, lights(kaolin), normals, None, wrap=True)
    found = render_mesh(view, mesh, extra_passes=("depth",))
    assert torch.equal(found["face_idx"], wanted["face_idx"]) and (found["face_idx"] >= 0).sum() > 20
    assert len({int((depths[FACES[f]] < near).sum()) for f in found["face_idx"].unique().tolist() if f >= 0}) > 1
    for name in ("depth", "uvs", "features"):
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=1e-9)


def test_an_orthographic_camera_is_affine_in_both_backends(kaolin: Any) -> None:
    view, mesh = camera(kaolin, **ORTHO), full_mesh(kaolin)
    one, other = (render_mesh(view, mesh, backend=backend)["uvs"] for backend in ("cuda", "nvdiffrast"))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12)


def test_flat_normals_and_clamped_textures_of_the_other_backend(kaolin: Any) -> None:
    """With an orthographic camera, where interpolation on the screen is that of the ray caster."""
    view, mesh, lighting = camera(kaolin, **ORTHO), full_mesh(kaolin), lights(kaolin)
    found = render_mesh(view, mesh, lighting, backend="cuda")
    reference = full_mesh(kaolin)
    a, b, c = reference.vertices[FACES].unbind(1)
    flat = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)[:, None].expand(8, 3, 3)
    tangents = reference.vertex_tangents[FACES]
    wanted = expected(view, reference, lighting, flat, tangents, wrap=False)
    for name in ("face_idx", "render", "normals", "albedo", "specular"):
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=2e-6)


def test_pictures_are_those_of_kaolins_own(kaolin: Any) -> None:
    """Its easy_render, drawing with our rasterize; float32, as it is."""
    if not hasattr(kaolin, "__version__"):
        pytest.skip("no Kaolin: the test double cannot render")
    from gendr_adapters.kaolin import patched

    theirs = kaolin.render.easy_render.render_mesh
    view = camera(kaolin)
    view = kaolin.render.camera.Camera(view.extrinsics.to(torch.float32), view.intrinsics.to(torch.float32))
    with patched():
        wanted = theirs(view, full_mesh(kaolin).float_tensors_to(torch.float32), lights(kaolin), backend="cuda")
    found = render_mesh(view, full_mesh(kaolin).float_tensors_to(torch.float32), lights(kaolin), backend="cuda")
    for name, picture in wanted.items():
        torch.testing.assert_close(found[name], picture, rtol=0, atol=1e-4)
    assert {str(getattr(name, "value", name)) for name in wanted} == set(found)


def test_the_default_light_and_material(kaolin: Any) -> None:
    mesh = kaolin.rep.SurfaceMesh(octahedron(), FACES)
    easy = kaolin.render.easy_render
    found = render_mesh(camera(kaolin), mesh)
    mesh.materials = [easy.default_material()]
    wanted = render_mesh(camera(kaolin), mesh, easy.default_lighting())
    assert torch.equal(found["render"], wanted["render"]) and found["render"].max() > 0.1
    assert "uvs" not in found and "features" not in found


def test_alpha_is_that_of_render(kaolin: Any) -> None:
    """Of all faces, with the given settings, and gradients to the vertices."""
    view, vertices = camera(kaolin), octahedron().requires_grad_()
    settings = RenderSettings(distribution="gaussian", dist_scale=0.05, t_conorm="einstein", dist_squared=False)
    mesh = kaolin.rep.SurfaceMesh(vertices, FACES)
    found = render_mesh(view, mesh, extra_passes=("alpha",), settings=settings)["alpha"][..., 0]
    ndc = view.transform(vertices)
    depth = -view.extrinsics.transform(vertices)[0, :, 2:]
    corners = torch.cat([ndc[:, :2], depth], 1)[FACES]
    more = RenderSettings(
        distribution="gaussian", dist_scale=0.05, t_conorm="einstein", dist_squared=False, near=0.1, half_extent=(1, 1)
    )
    wanted = render(corners, (HEIGHT, WIDTH), settings=more, outputs=("alpha",)).alpha
    torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)
    weights = random(1, HEIGHT, WIDTH, seed=3)
    one, other = (
        torch.autograd.grad((alpha * weights).sum(), vertices, retain_graph=True)[0] for alpha in (found, wanted)
    )
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)
    default = render_mesh(view, kaolin.rep.SurfaceMesh(vertices, FACES), extra_passes=["alpha"])
    assert (default["alpha"][..., 0][default["face_idx"] >= 0] == 1).all()
    assert ((default["alpha"] > 0.01) & (default["alpha"] < 0.99)).any()


LEARNT = ("vertices", "uvs", "features", "diffuse_texture", "roughness", "amplitude", "direction", "pose", "lens")


@pytest.mark.parametrize("learnt", LEARNT)
def test_gradients_are_derivatives(kaolin: Any, learnt: str) -> None:
    """Of a weighted sum over all pictures, along a random direction, against a central difference."""
    make = kaolin.render.materials.PBRMaterial
    start = {
        "vertices": octahedron(),
        "uvs": random(24, 2, seed=11),
        "features": random(6, 4, seed=12),
        "diffuse_texture": random(5, 6, 3, seed=13),
        "roughness": torch.tensor([0.4], dtype=torch.float64),
        "amplitude": 1 + random(2, 3, seed=14),
        "direction": random(2, 3, seed=15),
        "pose": camera(kaolin).extrinsics.view_matrix()[0],
        "lens": torch.tensor([0.7, 0.9], dtype=torch.float64),
    }
    weights = {
        name: random(HEIGHT, WIDTH, 1, seed=50 + i) for i, name in enumerate(("render", "depth", "alpha", "normals"))
    }

    def loss(value: Tensor) -> tuple[Tensor, Tensor]:
        now = {**start, learnt: value}
        material = make(diffuse_texture=now["diffuse_texture"], metallic_value=0.4)
        material.roughness_value = now["roughness"]  # its constructor would round it to float32
        view = camera(kaolin)
        if learnt in ("pose", "lens"):
            # What the door reads of a camera; that of Kaolin does not take parameters with gradients everywhere.
            view = posed(view, now["pose"], now["lens"])
        mesh = kaolin.rep.SurfaceMesh(
            now["vertices"], FACES, uvs=now["uvs"], face_uvs_idx=torch.arange(24).view(8, 3),
            vertex_features=now["features"], materials=[material],
        )  # fmt: skip
        lighting = SimpleNamespace(
            amplitude=now["amplitude"],
            direction=torch.nn.functional.normalize(now["direction"], dim=1),
            sharpness=torch.tensor([3.0, 5.0], dtype=torch.float64),
        )
        soft = RenderSettings(dist_scale=1e-3)
        found = render_mesh(view, mesh, lighting, extra_passes=EXTRA, settings=soft)
        total = sum((found[name] * weight).sum() for name, weight in weights.items())
        return total + (found["features"] * weights["render"]).sum(), found["face_idx"]

    value = start[learnt].clone().requires_grad_()
    total, faces = loss(value)
    (gradient,) = torch.autograd.grad(total, value)
    assert gradient.abs().max() > 1e-3
    step = 1e-6 * (random(*value.shape, seed=60) - 0.5)
    if learnt == "uvs":
        step = step / 10  # texels are creased
    (up, faces_up), (down, faces_down) = loss(value.detach() + step), loss(value.detach() - step)
    assert torch.equal(faces_up, faces) and torch.equal(faces_down, faces)
    slope = float(up - down) / 2
    assert float((gradient * step).sum()) == pytest.approx(slope, rel=2e-4, abs=1e-11)


def posed(view: Any, pose: Tensor, lens: Tensor) -> Any:
    """A pinhole camera of one view, of tensors with gradients, with what the door reads of one."""

    class Camera:
        extrinsics = SimpleNamespace(
            view_matrix=lambda: pose[None], transform=lambda v: (v @ pose[:3, :3].T + pose[:3, 3])[None]
        )
        intrinsics = SimpleNamespace(
            transform=lambda v: torch.stack(
                [
                    (10 * lens[0] * v[..., 0] / -v[..., 2] + 0.3) * 2 / WIDTH,
                    (10 * lens[1] * v[..., 1] / -v[..., 2] - 0.2) * 2 / HEIGHT,
                    v[..., 2],
                ],
                -1,
            ),
            lens_type="pinhole", width=WIDTH, height=HEIGHT, near=0.2, far=40.0, focal_x=10 * lens[:1],
            focal_y=10 * lens[1:], x0=pose.new_tensor([0.3]), y0=pose.new_tensor([-0.2]),
        )  # fmt: skip

        def __len__(self) -> int:
            return 1

    return Camera()


def assert_same(found: dict[str, Tensor], wanted: list[dict[str, Tensor]]) -> None:
    assert all(set(one) == set(found) for one in wanted)
    for name, picture in found.items():
        torch.testing.assert_close(picture, torch.cat([one[name] for one in wanted]), rtol=0, atol=1e-12)


EYES = ((1.3, 0.9, 1.9), (-1.5, 0.2, 1.4), (0.3, 1.8, -1.2))


@pytest.mark.parametrize("batching", ["FIXED", "LIST"])
@pytest.mark.parametrize("cameras", ["one", "one each"])
def test_a_batch_is_its_meshes_one_by_one(kaolin: Any, batching: str, cameras: str) -> None:
    """Each with its own materials; in a LIST also with its own faces."""
    meshes = [full_mesh(kaolin, seed=seed) for seed in range(3)]
    if batching == "LIST":
        meshes[1] = uv_mesh(kaolin, seed=1, materials=materials(kaolin, 1)[:2], material_assignments=ASSIGNMENTS % 2)
        for name in ("faces", "face_uvs_idx", "material_assignments"):
            setattr(meshes[1], name, getattr(meshes[1], name)[2:])
    views = [camera(kaolin, EYES[i if cameras == "one each" else 0]) for i in range(3)]
    batch = kaolin.rep.SurfaceMesh.cat(meshes, fixed_topology=batching == "FIXED")
    view = kaolin.render.camera.Camera.cat(views) if cameras == "one each" else views[0]
    found = render_mesh(view, batch, lights(kaolin), extra_passes=EXTRA)
    pairs = zip(views, meshes, strict=True)
    assert_same(found, [render_mesh(v, m, lights(kaolin), extra_passes=EXTRA) for v, m in pairs])


def test_several_cameras_see_one_mesh(kaolin: Any) -> None:
    views = [camera(kaolin, eye) for eye in EYES]
    every = kaolin.render.camera.Camera.cat(views)
    found = render_mesh(every, full_mesh(kaolin), lights(kaolin), extra_passes=EXTRA)
    assert_same(found, [render_mesh(view, full_mesh(kaolin), lights(kaolin), extra_passes=EXTRA) for view in views])


def test_custom_materials(kaolin: Any) -> None:
    mesh, view, lighting = full_mesh(kaolin), camera(kaolin), lights(kaolin)
    others, swapped = materials(kaolin, 7), ASSIGNMENTS.flip(0)
    own = uv_mesh(kaolin, materials=others, material_assignments=swapped)
    wanted = render_mesh(view, own, lighting)
    assert_same(render_mesh(view, mesh, lighting, others, swapped), [wanted])
    batch = kaolin.rep.SurfaceMesh.cat([mesh, mesh], fixed_topology=True)
    first = render_mesh(view, mesh, lighting)
    for both in (torch.stack([ASSIGNMENTS, swapped]), [ASSIGNMENTS.to(torch.uint8), swapped.int()]):
        found = render_mesh(view, batch, lighting, [mesh.materials, others], both)
        assert_same(found, [first, wanted])
    assert_same(render_mesh(view, batch, lighting, others, swapped), [wanted, wanted])
    assert_same(render_mesh(view, mesh, lighting, []), [first])


def test_the_users_mesh_is_left_as_it_is(kaolin: Any) -> None:
    mesh = full_mesh(kaolin)
    before = mesh.get_attributes()
    render_mesh(camera(kaolin), mesh)
    assert mesh.get_attributes() == before


def test_normals_that_are_given(kaolin: Any) -> None:
    """By index; at the corners of faces; at vertices: Kaolin's order, smooth and flat."""
    view, lighting = camera(kaolin), lights(kaolin)

    def picture(backend: str | None = None, **more: Any) -> Tensor:
        return render_mesh(view, kaolin.rep.SurfaceMesh(octahedron(), FACES, **more), lighting, backend=backend)[
            "normals"
        ]

    some, per_corner = random(5, 3, seed=70) - 0.5, random(8, 3, 3, seed=71) - 0.5
    index = torch.arange(24).view(8, 3) % 5
    for backend in (None, "cuda"):
        by_index = picture(backend, normals=some, face_normals_idx=index)
        torch.testing.assert_close(by_index, picture(backend, face_normals=some[index]), rtol=0, atol=1e-12)
        at_vertices = picture(backend, vertex_normals=random(6, 3, seed=72) - 0.5)
        assert not torch.equal(at_vertices, picture(backend))
        torch.testing.assert_close(
            at_vertices, picture(backend, face_normals=(random(6, 3, seed=72) - 0.5)[FACES]), rtol=0, atol=1e-12
        )
        assert not torch.equal(picture(backend, face_normals=per_corner), picture(backend))
    assert not torch.allclose(picture(), picture("cuda"))


@pytest.mark.parametrize("backend", [None, "cuda"])
def test_a_mesh_that_may_not_compute(kaolin: Any, backend: str | None) -> None:
    """allow_auto_compute=False: with normals and uvs of its own it is drawn, without tangents."""
    given = {
        "face_normals": random(8, 3, 3, seed=74) - 0.5,
        "face_uvs": random(8, 3, 2, seed=75),
        "materials": materials(kaolin)[:1],
    }
    one, other = (
        render_mesh(
            camera(kaolin),
            kaolin.rep.SurfaceMesh(octahedron(), FACES, allow_auto_compute=allowed, **given),
            lights(kaolin),
            backend=backend,
        )
        for allowed in (False, True)
    )
    assert_same(one, [other])


def test_given_tangents_are_used(kaolin: Any) -> None:
    """As in Kaolin: 'cuda' takes those of the faces' corners, 'nvdiffrast' those of the vertices."""
    view, mesh = camera(kaolin, **ORTHO), full_mesh(kaolin, assignments=torch.ones(8, dtype=torch.int64))
    given = full_mesh(kaolin, assignments=torch.ones(8, dtype=torch.int64))
    given.face_tangents = random(8, 3, 3, seed=73)
    smooth, flat = ([render_mesh(view, m, backend=b)["normals"] for m in (mesh, given)] for b in (None, "cuda"))
    assert torch.equal(*smooth) and not torch.allclose(*flat)


def test_a_floor_under_the_camera_is_cut(kaolin: Any) -> None:
    """From far behind the camera, or from exactly beside it, to before it: the rays of the lower half hit it."""
    for behind in (5.0, 0.0):
        floor = torch.tensor([[-9.0, -1, behind], [9, -1, behind], [9, -1, -30], [-9, -1, -30]], dtype=torch.float64)
        faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
        view = kaolin.render.camera.Camera.from_args(
            view_matrix=torch.eye(4, dtype=torch.float64)[None], width=WIDTH, height=HEIGHT, fov=math.radians(60.0),
            near=0.3, far=8.0, dtype=torch.float64,
        )  # fmt: skip
        found = render_mesh(view, kaolin.rep.SurfaceMesh(floor, faces), extra_passes=["depth"])
        tangent = math.tan(math.radians(30.0))
        y = (HEIGHT - 1 - 2 * torch.arange(HEIGHT, dtype=torch.float64)) / HEIGHT * tangent
        depth = torch.where(y < 0, -1 / y, torch.inf)
        depth = torch.where(depth < 8, depth, 0.0)[:, None].expand(-1, WIDTH)
        torch.testing.assert_close(found["depth"][0, ..., 0], depth, rtol=1e-6, atol=0)
        assert (depth > 0).sum() == 4 * WIDTH
        # Seen from above, whatever the corners behind the camera look like projected.
        up = torch.tensor([0.0, 1, 0], dtype=torch.float64)
        torch.testing.assert_close(found["normals"][found["face_idx"] >= 0], up.expand(4 * WIDTH, 3))


def test_meshes_behind_the_camera(kaolin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gendr_adapters.kaolin import _faces

    behind = uv_mesh(kaolin, octahedron() + 2 * torch.tensor([1.3, 0.9, 1.9]))
    batch = kaolin.rep.SurfaceMesh.cat([full_mesh(kaolin), behind], fixed_topology=False)
    for mesh, image in ((behind, 0), (batch, 1)):
        for backend in (None, "cuda"):
            monkeypatch.setattr(_faces._Sign, "warned", False)
            with pytest.warns(UserWarning, match=f"nothing is drawn in image {image}: .*turned away") as caught:
                found = render_mesh(camera(kaolin), mesh, backend=backend, extra_passes=EXTRA)
            assert caught[0].filename == __file__
            assert (found["face_idx"][image] == -1).all() and image == int((found["face_idx"][0] >= 0).any())
            assert all((picture[image] == 0).all() for name, picture in found.items() if name != "face_idx")


@pytest.mark.parametrize("backend", [None, "cuda"])
def test_an_orthographic_mesh_around_its_camera(kaolin: Any, backend: str | None, monkeypatch: Any) -> None:
    """Without planes all of it is seen, its front nearest: as from far enough away. With planes it is cut."""
    from gendr_adapters.kaolin import _faces

    monkeypatch.setattr(_faces._Sign, "warned", False)
    centre = torch.tensor([0.1, 0.0, -0.05], dtype=torch.float64)  # what cameras look at
    eye = torch.tensor([1.2, 0.9, 1.95], dtype=torch.float64)

    def picture(distance: float) -> dict[str, Tensor]:
        view = camera(kaolin, tuple((distance * eye + centre).tolist()), near=0.01, **ORTHO)
        return render_mesh(view, full_mesh(kaolin), lights(kaolin), backend=backend, extra_passes=EXTRA)

    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        far, within = picture(1.0), picture(1e-3)
    assert (far["face_idx"] >= 0).sum() > 40 and (within["face_idx"] >= 0).sum() > 20
    if backend is None:
        assert not torch.equal(within["face_idx"], far["face_idx"]) and (within["depth"] >= 0).all()
        return
    assert torch.equal(within["face_idx"], far["face_idx"])
    depth = torch.where(far["face_idx"][..., None] >= 0, far["depth"] - (1 - 1e-3) * eye.norm(), 0.0)
    torch.testing.assert_close(within["depth"], depth, rtol=0, atol=1e-6)
    assert (depth < -0.1).any()
    for name in ("render", "alpha", "uvs", "normals"):
        torch.testing.assert_close(within[name], far[name], rtol=0, atol=1e-6)


def test_passes_beyond_kaolins_are_asked_for(kaolin: Any) -> None:
    """Programs that go through all passes, as Kaolin's own tests do, find Kaolin's alone."""
    view, mesh = camera(kaolin), full_mesh(kaolin)
    found = render_mesh(view, mesh, lights(kaolin))
    assert type(found) is dict and not set(EXTRA) & set(found)
    for name in EXTRA:
        more = render_mesh(view, mesh, lights(kaolin), extra_passes=[name])
        assert set(more) == {*found, name} and more[name].any()
        assert_same({k: v for k, v in more.items() if k != name}, [found])
    member = kaolin.render.easy_render.RenderPass.alpha
    assert "alpha" in render_mesh(view, mesh, lights(kaolin), extra_passes=(member,))


def test_more_lights_than_kaolin_has_on_a_cpu(kaolin: Any) -> None:
    """Eight of them are the sum of four and four."""
    view, mesh, every = camera(kaolin), full_mesh(kaolin), lights(kaolin, 17)
    found = render_mesh(view, mesh, every)
    lamp = ("amplitude", "direction", "sharpness")
    some = [SimpleNamespace(**{name: getattr(every, name)[i : i + 4] for name in lamp}) for i in range(0, 17, 4)]
    parts = [render_mesh(view, mesh, lighting) for lighting in some]
    for name in ("diffuse", "specular", "render"):
        torch.testing.assert_close(found[name], sum(part[name] for part in parts), rtol=0, atol=1e-12)


def test_faces_without_a_material_are_black(kaolin: Any) -> None:
    """In Kaolin they are NaN. So are points without a normal."""
    view = camera(kaolin)
    mesh = uv_mesh(kaolin, materials=materials(kaolin), material_assignments=torch.full((8,), 9))
    found = render_mesh(view, mesh, lights(kaolin))
    assert (found["albedo"] == 0).all() and (found["diffuse"] == 0).all() and found["render"].isfinite().all()
    bare = octahedron().requires_grad_()
    mesh = kaolin.rep.SurfaceMesh(bare, FACES, face_normals=torch.zeros(8, 3, 3, dtype=torch.float64))
    found = render_mesh(view, mesh, lights(kaolin))
    assert (found["specular"] == 0).all() and (found["face_idx"] >= 0).any()
    found["render"].sum().backward()
    assert bare.grad is not None and bare.grad.isfinite().all()


def test_grey_maps_and_maps_with_alpha(kaolin: Any) -> None:
    """A map of one channel is that of three equal ones; the fourth channel of a normal map is not looked at."""
    make, one = kaolin.render.materials.PBRMaterial, [random(5, 6, 1, seed=80 + i).float() for i in range(2)]
    normals, every = random(7, 6, 4, seed=82).float(), torch.zeros(8, dtype=torch.int64)

    def picture(diffuse: Tensor, specular: Tensor, bent: Tensor) -> dict[str, Tensor]:
        material = make(
            diffuse_texture=diffuse, specular_texture=specular, normals_texture=bent, is_specular_workflow=True
        )
        return render_mesh(camera(kaolin), full_mesh(kaolin), lights(kaolin), [material], every)

    grey = picture(*one, normals)
    assert_same(grey, [picture(*(x.expand(5, 6, 3) for x in one), normals[..., :3])])
    assert grey["albedo"].shape[3] == 3 and grey["specular"].max() > 0


def test_values_learnt_as_bare_numbers(kaolin: Any) -> None:
    """Tensors without dimensions, as in Kaolin; its constructor would give them one."""
    pictures = []
    for shape in ((), (1,)):
        material = kaolin.render.materials.PBRMaterial(diffuse_color=(0.8, 0.3, 0.1))
        learnt = [torch.full(shape, x, dtype=torch.float64, requires_grad=True) for x in (0.3, 0.6)]
        material.roughness_value, material.metallic_value = learnt
        mesh = kaolin.rep.SurfaceMesh(octahedron(), FACES, materials=[material])
        pictures.append(render_mesh(camera(kaolin), mesh, lights(kaolin))["render"])
        pictures[-1].sum().backward()
        pictures += [x.grad.reshape(1) for x in learnt]
    for found, wanted in zip(pictures[:3], pictures[3:], strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=1e-12)


def test_textures_without_uvs(kaolin: Any) -> None:
    mesh = kaolin.rep.SurfaceMesh(octahedron(), FACES, materials=materials(kaolin)[:1])
    with pytest.warns(UserWarning, match="no uvs.*diffuse_texture"):
        found = render_mesh(camera(kaolin), mesh)
    assert (found["albedo"] == 0).all()


def test_float32(kaolin: Any) -> None:
    view, mesh = camera(kaolin), full_mesh(kaolin)
    wanted = render_mesh(view, mesh, lights(kaolin), extra_passes=EXTRA)
    small = kaolin.render.camera.Camera(view.extrinsics.to(torch.float32), view.intrinsics.to(torch.float32))
    found = render_mesh(small, mesh.float_tensors_to(torch.float32), lights(kaolin), extra_passes=EXTRA)
    for name, picture in wanted.items():
        if name != "face_idx":
            assert found[name].dtype == torch.float32
            torch.testing.assert_close(found[name].double(), picture, rtol=0, atol=2e-4)


@pytest.mark.parametrize("low", [torch.bfloat16, torch.float16])
def test_autocast_is_ignored(kaolin: Any, low: torch.dtype) -> None:
    """Else cameras would see vertices in half precision, and textures would be looked up so. float64 is not cast."""
    view, mesh = camera(kaolin), full_mesh(kaolin).float_tensors_to(torch.float32)
    view = kaolin.render.camera.Camera(view.extrinsics.to(torch.float32), view.intrinsics.to(torch.float32))
    wanted = render_mesh(view, mesh, lights(kaolin))
    with torch.autocast("cpu", dtype=low):
        found = render_mesh(view, mesh, lights(kaolin))
    assert all(torch.equal(picture, wanted[name]) for name, picture in found.items())


def test_bad_input(kaolin: Any) -> None:
    view, mesh = camera(kaolin), full_mesh(kaolin)
    views = kaolin.render.camera.Camera.cat([view, view])
    three = kaolin.rep.SurfaceMesh.cat([mesh] * 3, fixed_topology=True)
    quads = kaolin.rep.SurfaceMesh(octahedron(), torch.zeros(2, 4, dtype=torch.int64))
    red = kaolin.render.materials.PBRMaterial(roughness_texture=random(5, 6, 3, seed=1).float())
    bare = kaolin.rep.SurfaceMesh(octahedron(), FACES, allow_auto_compute=False)
    cases: list[tuple[type[Exception], str, Any]] = [
        (TypeError, "camera must be.*got dict without extrinsics", lambda: render_mesh({}, mesh)),
        (TypeError, "mesh must be.*got list without", lambda: render_mesh(view, [])),
        (ValueError, "unknown backend 'opengl'", lambda: render_mesh(view, mesh, backend="opengl")),
        (ValueError, "as many cameras as meshes.*got 2 and 3", lambda: render_mesh(views, three)),
        (TypeError, "share dtype", lambda: render_mesh(view, mesh.float_tensors_to(torch.float32))),
        (ValueError, "mesh.faces must be triangles", lambda: render_mesh(view, quads)),
        (ValueError, "mesh has no normals", lambda: render_mesh(view, bare)),
        (TypeError, "lighting must be", lambda: render_mesh(view, mesh, "sun")),
        (TypeError, "materials must be.*got str", lambda: render_mesh(view, mesh, None, ["gold"])),
        (
            ValueError,
            r"custom_materials must be .* or 3 lists, got 1 lists",
            lambda: render_mesh(view, three, None, [[red]]),
        ),
        (
            ValueError,
            "assignments must be integers",
            lambda: render_mesh(view, mesh, None, None, torch.zeros(3).long()),
        ),
        (ValueError, "assignments must be integers", lambda: render_mesh(view, mesh, None, None, torch.zeros(8))),
        (ValueError, "roughness_texture must have 1 channels", lambda: render_mesh(view, mesh, None, [red] * 4)),
        (TypeError, "settings must be a RenderSettings", lambda: render_mesh(view, mesh, settings={})),
        (ValueError, "settings are those of 'alpha'", lambda: render_mesh(view, mesh, settings=RenderSettings())),
        (
            ValueError,
            r"unknown output 'mask'; did you mean 'alpha'\? Allowed: alpha",
            lambda: render_mesh(view, mesh, extra_passes=["mask"]),
        ),
        (TypeError, "extra_passes must be a sequence", lambda: render_mesh(view, mesh, extra_passes="alpha")),
        (ValueError, "near < far", lambda: render_mesh(camera(kaolin, fov=1.0, near=-1.0), mesh)),
    ]
    for kind, match, call in cases:
        with pytest.raises(kind, match=match):
            call()
