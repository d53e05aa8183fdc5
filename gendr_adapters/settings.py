"""RenderSettings: how a scene is rendered, in the field's names, validated once."""

import functools
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from importlib import import_module
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from . import _other_words, _presets
from ._native.structs import SETTING_FLOATS, SETTING_INTS
from ._numbers import is_finite, plain
from ._pixels import scale_of_pixels
from .distributions import ALIASES, DISTRIBUTIONS, distribution
from .t_conorms import T_CONORMS, checked_p

if TYPE_CHECKING:
    from torch import Tensor

_CHOICES: dict[str, tuple[str, ...]] = {
    "distance": ("euclidean", "barycentric"),
    "blend": ("softmax", "hard"),
    "cull": ("none", "back"),
    "front": ("counterclockwise", "clockwise"),
    "alpha_range": ("near_far", "all"),
    "gradient": ("exact", "reference"),
    "clip": ("unit", "nonnegative", "none"),
    "reach_shape": ("distance", "box"),
    "projection": ("perspective", "orthographic"),
}

# Range of dist_scale and gamma: their inverses, too, are normal numbers in float32.
SCALE_MIN, SCALE_MAX = 1e-30, 1e30
# The incomplete gamma function's series gets too long beyond.
SHAPE_MAX = 1e5

# Numbers of the names: their order in the registries, which _native holds against the library's.
_DISTRIBUTION_IDS = {name: i for i, name in enumerate(DISTRIBUTIONS)}
_T_CONORM_IDS = {name: i for i, name in enumerate(T_CONORMS)}


class PackedSettings(NamedTuple):
    """Settings as numbers: those of gendr_settings (csrc/include/gendr.h), in its order."""

    ints: tuple[int, ...]
    floats: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderSettings:
    """How `gendr_adapters.render` sees a scene.

    A pixel at distance d from the outline of a face, sign +1 inside and -1 outside, is covered by that face by
    D = CDF(u), u = sign d^2 / tau (`dist_squared`) or sign d / tau; a T-conorm unites the coverages of all faces to
    alpha; a softmax over depth blends their features (Liu et al., "Soft Rasterizer", ICCV 2019; Petersen et al.,
    "GenDR", CVPR 2022). Distances are in NDC, depths in the unit of face_vertices' z.

    Coverage
        distribution: name of the CDF, one of gendr_adapters.distributions.DISTRIBUTIONS or its ALIASES.
        dist_scale: tau, 1e-30 to 1e30, NDC^2 if dist_squared, else NDC. A float, or a tensor (1,) or (B,), which may
            require a gradient.
        dist_shape: shape of 'gamma' and 'gamma_rev', > 0, at most 1e5. dist_shift: shift of the support of
            exponential, gamma, levy and their _rev forms, in units of tau.
        distance: 'euclidean', or 'barycentric': the smallest barycentric coordinate stands for the signed distance.
        reach: NDC >= 0; pixels outside a face's bounding box grown by this, or outside the face at this distance or
            more, are skipped. 0: only pixels inside a face and on its edges count. None: as far as coverage exceeds
            min_coverage.
        reach_per_scale: the same in units of dist_scale: reach = sqrt(reach_per_scale * dist_scale), for each image.
        reach_shape: 'distance': as said; 'box': the bounding box alone counts, at any distance (as in Kaolin; its sides
            are good to a thousandth of a pixel). Not with distance 'barycentric'.
        min_coverage: in [0, 1); pairs with D <= min_coverage are dropped, in alpha and in colour.
    Aggregation
        t_conorm: one of gendr_adapters.t_conorms.T_CONORMS; t_conorm_p: its parameter; ignored by those without.
        blend: 'softmax': a face weighs D e^(zn / gamma), zn = (far - z) / (far - near), the background
            e^(background_eps / gamma); 'hard': features of the nearest face whose closed triangle holds the pixel.
        background_floor: in [0, 1); the background weighs at least this times e^(largest exponent at the pixel), as in
            PyTorch3D (1e-10). softmax_range: (near, far) of the exponent zn, where they are not those that drop faces.
        gamma: 1e-30 to 1e30, float or tensor as dist_scale.
    Visibility
        near, far: 0 < near < far. Fragments with depth outside are dropped. Where nothing divides by depth, so with
            perspective_correct=False and a clip other than 'unit', near may be 0 or negative: then depth is a place
            along an axis, as for an orthographic camera, and faces at z <= 0 count like any.
        cull: 'back' drops back faces and faces of zero area. front: orientation of a front face on screen, x right, y
            up.
        alpha_range: 'near_far': near, far and cull hold for alpha as for colour, and a face with a corner at or behind
            the camera (z <= 0, and near > 0) is ignored. 'all': alpha counts every face, as SoftRas and GenDR do; a
            face with a corner at z <= 0 then has colour only if not perspective_correct.
        perspective_correct: weigh features by w_k / z_k (True) or by screen-space barycentrics. Barycentrics are
            clamped to [0, 1] and normalised first. Depth is always 1 / sum(w_k / z_k).
        clip: of the barycentrics of pixels outside a face. 'unit': as above, SoftRas' rule. 'nonnegative': perspective
            first, then negative weights are 0 and the others normalised, PyTorch3D's clip_barycentric_coords; 'none':
            perspective only, so features are extrapolated. With either, depth is the weighted mean of the corners'.
            Of a face that is cut (near_clip), a pixel outside has the weights and the depth of the nearest point of
            the outline with 'unit' and 'nonnegative' alike, and with 'none' those of the face's plane at the pixel;
            beyond the horizon of the plane it does not see the face.
        near_clip: depth > 0; faces are cut there: what is nearer is not seen, whatever alpha_range, and what is left
            of a face is a polygon of three or four corners that counts as one face, with the distance to its outline,
            its features and its index (csrc/core/cut_face.h). It is nowhere if seen from its edge. Its corners on the
            plane have the features and the depth of those points of the face; between corners, perspective_correct and
            clip mean what they do in a triangle, without perspective_correct in each of the two triangles that four
            corners make. None: a face with a corner at z <= 0 is dropped whole. Not with distance 'barycentric' or
            gradient 'reference'.
        projection: how x and y came from space, for near_clip, which cuts the face there: 'perspective': X / z and
            Y / z, up to a scale (x z and y z count, mirrored ones of z <= 0 included); 'orthographic': X and Y. Of no
            effect on faces that are not cut, nor has perspective_correct one on where faces are cut.
        half_extent: (x, y) NDC half-extents of the image. None: the shorter side spans [-1, 1], pixels are square.
    Gradient
        gradient: 'exact': the derivative of the forward pass. 'reference': what the backward passes of SoftRas and
            GenDR compute (barycentric weights held constant, and the quirks in csrc/core/reference_gradient.h).
        check_finite: raise ValueError for corners that are not finite; otherwise their faces are ignored. On CUDA
            dist_scale and gamma are looked at, too; all that waits for the GPU.

    Raises TypeError or ValueError that says what was given and what is allowed.
    """

    distribution: str = "logistic"
    dist_scale: "float | Tensor" = 1e-4
    dist_squared: bool = True
    dist_shape: float = 0.0
    dist_shift: float = 0.0
    distance: Literal["euclidean", "barycentric"] = "euclidean"
    t_conorm: str = "probabilistic"
    t_conorm_p: float | None = None
    blend: Literal["softmax", "hard"] = "softmax"
    gamma: "float | Tensor" = 1e-4
    background_eps: float = 1e-3
    near: float = 1.0
    far: float = 100.0
    cull: Literal["none", "back"] = "none"
    front: Literal["counterclockwise", "clockwise"] = "counterclockwise"
    alpha_range: Literal["near_far", "all"] = "near_far"
    perspective_correct: bool = True
    reach: float | None = None
    reach_per_scale: float | None = None
    min_coverage: float = 1e-6
    near_clip: float | None = None
    softmax_range: tuple[float, float] | None = None
    background_floor: float = 0.0
    clip: Literal["unit", "nonnegative", "none"] = "unit"
    reach_shape: Literal["distance", "box"] = "distance"
    projection: Literal["perspective", "orthographic"] = "perspective"
    half_extent: tuple[float, float] | None = None
    gradient: Literal["exact", "reference"] = "exact"
    check_finite: bool = False
    packed: PackedSettings = field(init=False, repr=False)

    @classmethod
    def softras(cls, **changes: Any) -> "RenderSettings":
        """What SoftRas' soft_rasterize and SoftRenderer do by default: the same pictures and the same gradients.

        That is sigma 1e-5 and gamma 1e-4; alpha counts every face, whatever near, far and cull say; features are
        weighed in screen space; the gradient is that of SoftRas' backward pass, which is not quite the derivative of
        the picture: gradient='exact' is.

        changes: fields that shall differ. Raises TypeError for unknown ones, as the class does.
        """
        return cls(**{**_presets.softras(), **changes})

    @classmethod
    def pytorch3d(cls, *, blur_radius: float = 0.0, **changes: Any) -> "RenderSettings":
        """What PyTorch3D's soft shaders do with the default BlendParams (sigma 1e-4, gamma 1e-4) and
        FoVPerspectiveCameras (znear 1, zfar 100, so faces are cut at 0.5).

        blur_radius: of RasterizationSettings, NDC squared, >= 0. With 0, the default, only pixels inside a face have
            it, so that edges have no soft outside; PyTorch3D's tutorials use log(1 / 1e-4 - 1) * sigma.
        changes: fields that shall differ. Raises TypeError for unknown ones, as the class does.
        """
        if not 0 <= check_number("blur_radius", blur_radius) < math.inf:
            raise ValueError(f"blur_radius must be a squared distance in NDC, >= 0, got {blur_radius!r}")
        return cls(**{**_presets.pytorch3d(float(blur_radius)), **changes})

    @classmethod
    def silhouette(cls, *, image_size: int | Sequence[int], pixels: float = 2.0, **changes: Any) -> "RenderSettings":
        """For fitting silhouettes: an edge that is soft over so many pixels, and an alpha that counts every face,
        whatever its depth.

        image_size: side of a square image or (H, W), in pixels, as `render` gets it.
        pixels: > 0, softness. At this distance from an edge u is 1, and coverage 0.73 inside, 0.27 outside; at twice
            the distance 0.98 and 0.02. dist_scale is (2 pixels / min(H, W))^2, or 2 pixels / min(H, W) where
            dist_squared=False is among the changes. `Anneal` makes it smaller from step to step.
        changes: fields that shall differ, except for dist_scale. Raises TypeError for unknown ones, as the class does,
            and TypeError or ValueError for sizes that are none.
        """
        if "dist_scale" in changes:
            raise TypeError(
                "silhouette computes dist_scale from pixels: pass one of them, and RenderSettings the other"
            )
        wanted = cls(**{**_presets.silhouette(), **changes})
        if wanted.distance != "euclidean":
            raise ValueError(f"softness in pixels needs distance='euclidean', got {wanted.distance!r}")
        squared, half_extent = wanted.dist_squared, wanted.half_extent
        return wanted.replace(dist_scale=scale_of_pixels("pixels", pixels, image_size, squared, half_extent))

    @classmethod
    def sharp(cls, **changes: Any) -> "RenderSettings":
        """What a camera sees: alpha is 1 where a face is and else 0, without seams, and a pixel has the features of
        the nearest face.

        Gradients remain to features, background and texture maps, and to the corners by way of what is interpolated on
        the nearest face (features, depth). There are none to alpha, so none that move an outline or what is hidden;
        dist_scale and gamma are ignored.

        By default, with soft edges, two faces cover a pixel on the edge they share by 1 - 0.5 * 0.5 only: seams.

        changes: fields that shall differ. Raises TypeError for unknown ones, as the class does.
        """
        return cls(**{**_presets.sharp(), **changes})

    def replace(self, **changes: Any) -> "RenderSettings":
        """These settings with other values of some fields, e.g. settings.replace(dist_scale=1e-5).

        Raises TypeError for unknown fields, ValueError or TypeError for values that are not allowed, as the class does.
        """
        values = {name: getattr(self, name) for name in _DEFAULTS}
        values.update(changes)
        return type(self)(**values)

    def __repr__(self) -> str:
        changed = [
            f"{name}={_written(value)}"
            for name, default in _DEFAULTS.items()
            # An array's comparison has no truth.
            if isinstance(value := getattr(self, name), tuple(array for array, *_ in _ARRAYS)) or value != default
        ]
        return f"{type(self).__qualname__}({', '.join(changed)})"

    def __post_init__(self) -> None:
        uses_shape = distribution(self.distribution).uses_shape
        for name, allowed in _CHOICES.items():
            value = getattr(self, name)
            if not isinstance(value, str) or value not in allowed:
                _refuse_choice(name, value, allowed)
        for name in ("dist_squared", "perspective_correct", "check_finite"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} must be True or False, got {getattr(self, name)!r}")
        for name in ("dist_scale", "gamma"):
            check_scale(name, getattr(self, name))
        for name in ("dist_shape", "dist_shift", "background_eps", "near", "far", "min_coverage"):
            value = check_number(name, getattr(self, name))
            if not is_finite(value):
                raise ValueError(f"{name} must be finite, got {value}")
        if uses_shape and not 0 < self.dist_shape <= SHAPE_MAX:
            raise ValueError(
                f"distribution {self.distribution!r} needs dist_shape > 0, at most {SHAPE_MAX:g}, got {self.dist_shape}"
            )
        if self.t_conorm_p is not None:
            check_number("t_conorm_p", self.t_conorm_p)
        p = checked_p(self.t_conorm, self.t_conorm_p)
        self._check_planes()
        if not 0 <= self.min_coverage < 1:
            raise ValueError(f"min_coverage must be in [0, 1), got {self.min_coverage}")
        for name in ("reach", "reach_per_scale"):
            value = getattr(self, name)
            if value is not None and not check_number(name, value) >= 0:
                raise ValueError(f"{name} must be >= 0 or None, got {value}")
        if self.half_extent is not None and not (
            isinstance(self.half_extent, (tuple, list))
            and len(self.half_extent) == 2
            and all(0 < check_number("half_extent", e) < math.inf for e in self.half_extent)
        ):
            raise ValueError(f"half_extent must be (x, y), both > 0, or None, got {self.half_extent!r}")
        if not 0 <= check_number("background_floor", self.background_floor) < 1:
            raise ValueError(f"background_floor must be in [0, 1), got {self.background_floor}")
        if self.reach_shape == "box" and self.distance == "barycentric":
            raise ValueError("reach_shape='box' does not go with distance='barycentric', which has a box of its own")
        self._check_near_clip()
        self._check_softmax_range()
        self._pack(p)

    def _check_planes(self) -> None:
        divides = self.perspective_correct or self.clip == "unit"
        if self.near < self.far and (self.near > 0 or not divides):
            return
        allowed = "0 < near < far" if divides else "near < far"
        hint = ""
        if self.near < self.far:
            hint = "; near <= 0 goes with perspective_correct=False and clip 'nonnegative' or 'none' only"
        raise ValueError(f"near and far must satisfy {allowed}, got near={self.near}, far={self.far}{hint}")

    def _check_near_clip(self) -> None:
        if self.near_clip is None:
            return
        if not 0 < check_number("near_clip", self.near_clip) < math.inf:
            raise ValueError(f"near_clip must be a depth > 0 or None, got {self.near_clip}")
        for name, value in (("distance", "barycentric"), ("gradient", "reference")):
            if getattr(self, name) == value:
                raise ValueError(f"near_clip does not go with {name}={value!r}: neither SoftRas nor GenDR cuts faces")

    def _check_softmax_range(self) -> None:
        limits = self.softmax_range
        if limits is None:
            return
        if not (
            isinstance(limits, (tuple, list))
            and len(limits) == 2
            and all(is_finite(check_number("softmax_range", x)) for x in limits)
            and limits[0] < limits[1]
        ):
            raise ValueError(f"softmax_range must be (near, far) with near < far, or None, got {limits!r}")

    def _pack(self, p: float) -> None:
        softmax_near, softmax_far = self.softmax_range or (self.near, self.far)
        half_width, half_height = self.half_extent or (0.0, 0.0)
        numbers: dict[str, float] = {
            "distribution": _DISTRIBUTION_IDS[ALIASES.get(self.distribution, self.distribution)],
            "t_conorm": _T_CONORM_IDS[self.t_conorm],
            "dist_squared": self.dist_squared,
            "perspective_correct": self.perspective_correct,
            # What is not a number is a tensor argument of the op.
            "dist_scale": self.dist_scale if isinstance(self.dist_scale, Real) else 1.0,
            "gamma": self.gamma if isinstance(self.gamma, Real) else 1.0,
            "dist_shape": self.dist_shape,
            "dist_shift": self.dist_shift,
            "t_conorm_p": p if is_finite(p) else 0.0,
            "background_eps": self.background_eps,
            "background_floor": self.background_floor,
            "near": self.near,
            "far": self.far,
            "softmax_near": softmax_near,
            "softmax_far": softmax_far,
            "reach": math.inf if self.reach is None else self.reach,
            "reach_per_scale": math.inf if self.reach_per_scale is None else self.reach_per_scale,
            "min_coverage": self.min_coverage,
            "near_clip": self.near_clip or 0.0,
            "half_width": half_width,
            "half_height": half_height,
        }
        for name, allowed in _CHOICES.items():
            numbers[name] = allowed.index(getattr(self, name))
        ints = tuple([int(numbers[name]) for name in SETTING_INTS])
        floats = tuple([float(numbers[name]) for name in SETTING_FLOATS])
        object.__setattr__(self, "packed", PackedSettings(ints, floats))


_DEFAULTS = {f.name: f.default for f in fields(RenderSettings) if f.init}
_set_fields = RenderSettings.__init__


@functools.wraps(_set_fields)
def _init(self: RenderSettings, **values: Any) -> None:
    for name in values:
        if name not in _DEFAULTS:
            raise TypeError(_other_words.unknown_setting(name, _DEFAULTS))
    _set_fields(self, **values)


RenderSettings.__init__ = _init  # type: ignore[method-assign]


def _written(value: Any) -> str:
    """As Python reads it again where it is a plain value; arrays shortly."""
    for array_type, _, described in _ARRAYS:
        if isinstance(value, array_type):
            return described(value)
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_written, value))})"
    if isinstance(value, Real) and not isinstance(value, (bool, int)):
        text = repr(float(value))
        return text if is_finite(float(value)) else f"float({text!r})"
    return repr(value)


def _describe(array: Any) -> str:
    return f"<{type(array).__name__} of shape {tuple(array.shape)}, {array.dtype}>"


def _refuse_choice(name: str, value: object, allowed: tuple[str, ...]) -> NoReturn:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a name, got {value!r}; allowed: {', '.join(allowed)}")
    near = _other_words.nearest(value, allowed, {})
    raise ValueError(f"unknown {name} {value!r}; did you mean {near!r}? Allowed: {', '.join(allowed)}")


def check_number(name: str, value: object) -> float:
    """The value as a float. Raises TypeError unless it is a real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        hint = " of one, which has no gradient here: pass its .item()" if isinstance(plain(value), Real) else ""
        raise TypeError(f"{name} must be a number, got {type(value).__name__}{hint}")
    return float(value)


# The arrays that dist_scale and gamma may be: their type, what checks one of a name, and what `repr` says of one.
_ARRAYS: list[tuple[type, Callable[[str, Any], None], Callable[[Any], str]]] = []


def accept_arrays(
    array_type: type, check: Callable[[str, Any], None], described: Callable[[Any], str] = _describe
) -> None:
    """Let a framework's arrays be a dist_scale or gamma. check(name, array) raises ValueError for one that cannot;
    described(array) is what stands for one in a RenderSettings' repr."""
    _ARRAYS.append((array_type, check, described))


# The modules that make a framework's arrays known, by where the framework's classes come from. They import the
# framework, which nobody pays for who has none of its arrays.
_FRAMEWORKS = {
    "torch": "gendr_adapters._scales",
    "jax": "gendr_adapters.jax._scales",
    "jaxlib": "gendr_adapters.jax._scales",
}


def _framework_found(value: object) -> bool:
    """Whether this is the first array of a framework, whose arrays are accepted now."""
    for base in type(value).__mro__:
        module = _FRAMEWORKS.get(base.__module__.partition(".")[0], "")
        if module and module not in sys.modules:
            import_module(module)
            return True
    return False


def check_scale(name: str, value: object) -> None:
    """Raise ValueError or TypeError unless value can be a dist_scale or gamma; name is what the message calls it."""
    for array_type, check, _ in _ARRAYS:
        if isinstance(value, array_type):
            check(name, value)
            return
    if not isinstance(value, Real) and _framework_found(value):
        check_scale(name, value)
        return
    if not SCALE_MIN <= check_number(name, value) <= SCALE_MAX:
        refuse_scale(name, value)


def refuse_scale(name: str, value: object) -> NoReturn:
    """Raises the ValueError of a scale that is out of range."""
    raise ValueError(f"{name} must be > 0, from {SCALE_MIN:g} to {SCALE_MAX:g}, got {value}")
