"""Fragments that were written to: our shaders would not see it, and refuse."""

import copy
import dataclasses
import pickle
from typing import Any

import pytest
import torch
from door_scenes import SHADERS, cameras_of, lights_of, settings_of, two_meshes
from pytorch3d.renderer import SoftPhongShader

from gendr_adapters.pytorch3d import (
    GenDRFragments,
    GenDRPhongShader,
    GenDRRasterizer,
    GenDRSilhouetteShader,
)

NAMES = ("pix_to_face", "zbuf", "bary_coords", "dists")
REFUSED = r"{} of these fragments was edited, which our shaders do not see.*dataclasses\.replace"


def fragments_of() -> GenDRFragments:
    return GenDRRasterizer(cameras_of(), settings_of(faces_per_pixel=4))(two_meshes()[0])


def shade(fragments: GenDRFragments, shader: Any = GenDRPhongShader) -> torch.Tensor:
    return shader(cameras=cameras_of(), lights=lights_of())(fragments, two_meshes()[0])


@pytest.mark.parametrize("shader", SHADERS)
@pytest.mark.parametrize("name", NAMES)
def test_tensors_written_to(name: str, shader: Any) -> None:
    fragments = fragments_of()
    getattr(fragments, name)[:, :4] = -1
    with pytest.raises(ValueError, match=REFUSED.format(name)):
        shade(fragments, shader)
    with pytest.raises(ValueError, match=REFUSED.format(name)):
        fragments.compact()


@pytest.mark.parametrize("name", NAMES)
def test_tensors_replaced(name: str) -> None:
    fragments = fragments_of()
    object.__setattr__(fragments, name, getattr(fragments, name).clone())
    with pytest.raises(ValueError, match=REFUSED.format(name)):
        shade(fragments)
    with pytest.raises(ValueError, match="made by hand"):
        shade(dataclasses.replace(fragments_of(), **{name: getattr(fragments, name)}))


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_fragments_without_gradients(context: Any) -> None:
    with context():
        fragments = fragments_of()
        assert (fragments.zbuf > 0).any()
        shade(fragments)
        fragments.zbuf[0] += 1
        with pytest.raises(ValueError, match=REFUSED.format("zbuf")):
            shade(fragments)


@pytest.mark.parametrize("shader", [GenDRSilhouetteShader, GenDRPhongShader])
def test_edited_list_is_refused(shader: Any) -> None:
    """Some shaders would see it, and some not."""
    fragments = fragments_of()
    with torch.no_grad():
        fragments.found.depth[:5] = 9.0
    with pytest.raises(ValueError, match=REFUSED.format(r"found\.depth")):
        shade(fragments, shader)


def test_reading_and_copying_is_no_writing() -> None:
    fragments = fragments_of()
    expected = shade(fragments)
    assert (fragments.pix_to_face.clone().clamp(min=0) >= 0).all() and fragments.zbuf.sum() > 0
    fragments.bary_coords.sum().backward()
    without = fragments.detach()
    for same in (fragments, copy.copy(fragments), without, copy.deepcopy(without), pickle.loads(pickle.dumps(without))):
        assert torch.equal(shade(same), expected)


def test_detached_fragments() -> None:
    """What was written before is kept, and refused; what is written after is seen, too."""
    fragments = fragments_of()
    with torch.no_grad():
        fragments.zbuf[:] = 7
    assert (fragments.detach().zbuf == 7).all()
    with pytest.raises(ValueError, match="made by hand"):
        shade(fragments.detach())
    detached = fragments_of().detach()
    detached.dists.zero_()
    with pytest.raises(ValueError, match=REFUSED.format("dists")):
        shade(detached)


def test_shaders_of_pytorch3d_see_what_was_written() -> None:
    """They read the dense view."""
    fragments, meshes = fragments_of(), two_meshes()[0]
    fragments.pix_to_face[:] = -1
    image = SoftPhongShader(cameras=cameras_of(), lights=lights_of())(fragments, meshes)
    assert not image[..., 3].any()
