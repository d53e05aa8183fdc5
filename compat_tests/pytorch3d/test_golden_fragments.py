"""The golden files of PyTorch3D are complete, and are what their README says."""

from collections import Counter

import numpy as np
import pytest
from golden_fragments import FragmentsCase, ImageCase, fragments_cases, image_cases


def check_meshes(case: FragmentsCase | ImageCase) -> int:
    meshes = case.meshes
    for verts, faces, grad in zip(meshes.verts, meshes.faces, case.grad_verts, strict=True):
        assert verts.shape == grad.shape == (len(verts), 3) and verts.dtype == grad.dtype == np.float32
        assert faces.shape == (len(faces), 3) and faces.dtype == np.int64
        assert not len(faces) or 0 <= faces.min() <= faces.max() < len(verts)
        assert np.isfinite(verts).all() and np.isfinite(grad).all()
    assert meshes.R.shape == (len(meshes.verts), 3, 3) and meshes.T.shape == (len(meshes.verts), 3)
    np.testing.assert_allclose(meshes.R @ meshes.R.swapaxes(1, 2), np.eye(3)[None].repeat(len(meshes.R), 0), atol=1e-5)
    return len(meshes.verts)


def test_counts() -> None:
    cases = fragments_cases()
    assert len(cases) == 60 and len(image_cases()) == 16
    scenes = ("sphere", "torus", "soup", "hetero", "with_empty", "behind")
    assert Counter(case.scene for case in cases) == dict.fromkeys(scenes, 10)
    assert Counter(case.camera for case in cases) == {"fov": 21, "ortho": 21, "pinhole": 18}
    assert Counter(case.shader for case in image_cases()) == {"silhouette": 4, "phong": 8, "gouraud": 4}


@pytest.mark.parametrize("case", fragments_cases(), ids=repr)
def test_fragments(case: FragmentsCase) -> None:
    n = check_meshes(case)
    out, k = case.expected, case.settings["faces_per_pixel"]
    shape = (n, *case.settings["image_size"], k)
    assert out.pix_to_face.shape == out.zbuf.shape == out.dists.shape == shape and out.bary_coords.shape == (*shape, 3)
    assert case.verts_ndc.shape == (sum(map(len, case.meshes.verts)), 3)

    empty = out.pix_to_face == -1
    assert (empty[..., 1:] >= empty[..., :-1]).all()
    # The one triangle in the picture of 'behind' is a back face: two pictures are empty.
    assert empty.all() == (case.id in ("016-behind-pinhole", "022-behind-fov"))
    for array in (out.zbuf, out.dists, out.bary_coords):
        assert np.isfinite(array).all() and (array[empty] == -1).all()
    for weights in (case.w_zbuf, case.w_dists, case.w_bary):
        assert (weights[empty] == 0).all() and (weights != 0).any() != empty.all()
    assert (np.diff(out.zbuf, axis=-1)[~empty[..., 1:]] >= 0).all()
    first, last = (case.meshes.face_offsets[i].reshape(n, 1, 1, 1) for i in (slice(n), slice(1, None)))
    assert (empty | (first <= out.pix_to_face) & (out.pix_to_face < last)).all()
    assert (out.dists[~empty] < max(case.settings["blur_radius"], 1e-30)).all()


@pytest.mark.parametrize("case", image_cases(), ids=repr)
def test_images(case: ImageCase) -> None:
    n = check_meshes(case)
    assert case.image.shape == case.w_image.shape == (n, *case.settings["image_size"], 4)
    assert np.isfinite(case.image).all() and (case.w_image != 0).any()
    if case.shader == "silhouette":
        assert case.colors is case.uvmap is None and not case.w_image[..., :3].any()
    elif case.uvmap is None:
        assert case.colors is not None and case.grad_colors is not None
        for verts, colors, grad in zip(case.meshes.verts, case.colors, case.grad_colors, strict=True):
            assert colors.shape == grad.shape == verts.shape
    else:
        assert case.uvs is not None and case.grad_uvmap is not None and case.grad_uvmap.shape == case.uvmap.shape
        assert [len(uvs) for uvs in case.uvs] == [len(verts) for verts in case.meshes.verts]
