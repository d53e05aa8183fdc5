"""RenderSettings: all settings of the renderer, checked when they are set."""

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

# Range of dist_scale and gamma: their inverses are normal numbers in float32, too.
SCALE_MIN, SCALE_MAX = 1e-30, 1e30
# Beyond this the series of the incomplete gamma function needs too many terms.
SHAPE_MAX = 1e5

# The number of a name is its position in the registry. _native compares the order with the library's.
_DISTRIBUTION_IDS = {name: i for i, name in enumerate(DISTRIBUTIONS)}
_T_CONORM_IDS = {name: i for i, name in enumerate(T_CONORMS)}


class PackedSettings(NamedTuple):
    """Settings as numbers, in the order of gendr_settings (csrc/include/gendr.h)."""

    ints: tuple[int, ...]
    floats: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderSettings:
    """Settings of `gendr_adapters.render`: how soft edges are, how faces are mixed, and which faces are drawn.

    All fields have defaults, so name only those that differ: `RenderSettings(dist_scale=1e-3, near=0.5)`. `suggest`
    chooses dist_scale, gamma, near and far for a scene. Settings cannot be changed; `replace` makes a changed copy.

    The image is computed in three steps:

    1. Coverage. Let d be the distance of a pixel's centre to the outline of a face. The face covers the pixel by
       D = CDF(u), a number in [0, 1], with u = d^2 / tau inside the face and u = -d^2 / tau outside
       (with dist_squared=False: d / tau and -d / tau). tau is dist_scale.
    2. Alpha. A T-conorm, a soft "or", combines the coverages of all faces at the pixel into alpha.
    3. Colour. The features of these faces and of the background are averaged. The weights are a softmax over depth,
       times the coverage.

    Distances are in NDC: the shorter side of the image spans [-1, 1]. Depths are in the unit of face_vertices' z. A
    fragment is a pair of a pixel and a face near it.

    Coverage
        distribution: name of the CDF: one of gendr_adapters.distributions.DISTRIBUTIONS or its ALIASES. The default
            'logistic' is SoftRas'. 'hard' gives sharp outlines, which have no gradient.
        dist_scale: tau, the softness of edges, 1e-30 to 1e30, in NDC^2 if dist_squared, else in NDC. The soft band is
            about sqrt(tau) wide (or tau). A large tau gives gradients far from the outline and blurs it; a small tau is
            accurate. `Anneal` and `RenderSettings.silhouette` compute it from a number of pixels. A float, or a tensor
            (1,) or (B,), one value for each image, which may require a gradient.
        dist_squared: True: u is made of the squared distance, as in SoftRas and PyTorch3D. False: of the distance, as
            in GenDR by default.
        dist_shape: shape parameter of 'gamma' and 'gamma_rev', > 0, at most 1e5. Other distributions ignore it.
        dist_shift: moves the support of exponential, gamma, levy and their _rev forms, in units of tau. Other
            distributions ignore it.
        distance: 'euclidean': d is the distance to the outline. 'barycentric': the smallest barycentric coordinate is
            used as the signed distance, an option of SoftRas.
        reach: how far a face reaches beyond its outline, NDC >= 0. A pixel outside the face is skipped if it is at this
            distance or more, or outside the face's bounding box grown by this. 0: only pixels inside a face and on its
            edges count. None: as far as the coverage exceeds min_coverage. Set it to match a renderer with a cut-off.
        reach_per_scale: the same limit relative to dist_scale: reach = sqrt(reach_per_scale * dist_scale), for each
            image. If both are set, the smaller limit holds.
        reach_shape: 'distance': as described for reach. 'box': only the grown bounding box is the limit, as in Kaolin
            (its sides are accurate to a thousandth of a pixel). 'box' is not allowed with distance 'barycentric'.
        min_coverage: in [0, 1). Fragments with D <= min_coverage are dropped, from alpha and from colour.
    Aggregation
        t_conorm: name of the T-conorm, one of gendr_adapters.t_conorms.T_CONORMS. With the default 'probabilistic',
            alpha is 1 minus the product of all (1 - D).
        t_conorm_p: parameter p of the T-conorms that have one (T_CONORMS has its range). Others ignore it.
        blend: 'softmax': a face weighs D e^(zn / gamma) with zn = (far - z) / (far - near), and the background weighs
            e^(background_eps / gamma). 'hard': the image shows the nearest face whose closed triangle contains the
            pixel's centre.
        gamma: softness along depth, 1e-30 to 1e30, a share of far - near. A small gamma shows the nearest face. A large
            one mixes all faces at the pixel, so hidden faces have gradients. A float or a tensor, as dist_scale.
        background_eps: exponent of the background. A larger value shows more background.
        background_floor: in [0, 1). The background weighs at least background_floor * e^(m / gamma), where m is the
            largest of background_eps and the zn of the faces at the pixel. PyTorch3D uses 1e-10.
        softmax_range: (near, far) for zn. None: the fields near and far.
    Visibility
        near, far: depths, 0 < near < far. Fragments with a depth outside [near, far] are dropped. Choose them close to
            the scene, because gamma is relative to far - near. With perspective_correct=False and a clip other than
            'unit', near may be 0 or negative, because nothing is divided by depth: depth is then a position along an
            axis, as for an orthographic camera, and faces at z <= 0 are drawn like any others.
        cull: 'none': both sides of faces are drawn. 'back': back faces and faces of zero area are dropped.
        front: orientation on screen of the corners of a front face, where x points right and y up.
        alpha_range: 'near_far': near, far and cull apply to alpha as to colour, and a face with a corner at or behind
            the camera (z <= 0) is ignored if near > 0. 'all': alpha counts every face, as in SoftRas and GenDR; a face
            with a corner at z <= 0 then has a colour only with perspective_correct=False.
        perspective_correct: True: features are interpolated in space, with weights w_k / z_k. False: on screen, with
            the barycentric weights w_k.
        clip: how the weights are limited for pixels outside a face. 'unit', SoftRas' rule: w_k is clamped to [0, 1] and
            normalised before the division by z_k; depth is 1 / sum(w_k / z_k) for any perspective_correct.
            'nonnegative', PyTorch3D's clip_barycentric_coords: after the division by z_k, negative weights become 0 and
            the others are normalised. 'none': no limit, so features are extrapolated. With 'nonnegative' and 'none',
            depth is the mean of the corners' depths with these weights. For a face that is cut by near_clip, a pixel
            outside uses the nearest point of the outline with 'unit' and 'nonnegative'; with 'none' it uses the plane
            of the face, and it ignores the face if it is beyond the horizon of that plane.
        near_clip: None, or a depth > 0 at which faces are cut. Set it if geometry continues behind the camera, such as
            a floor. The part of a face that is nearer is removed, for any alpha_range. The remaining polygon, of three
            or four corners, counts as one face with one outline and the index of the face (csrc/core/cut_face.h). A
            polygon that is seen exactly edge-on is not drawn. The new corners, at depth near_clip, have the features of
            those points of the face. Between corners, perspective_correct and clip work as in a triangle; with
            perspective_correct=False, in each of the two triangles of a polygon with four corners. None: a face with a
            corner at z <= 0 is dropped whole. Not allowed with distance 'barycentric' or gradient 'reference'.
        projection: how x and y were computed from a point (X, Y, z) in space. Only near_clip uses it. 'perspective':
            x = X / z and y = Y / z, up to a scale; for z <= 0, too, where x and y are mirrored. 'orthographic': x = X
            and y = Y. perspective_correct does not change where faces are cut.
        half_extent: (x, y): how far the image extends from its centre, in NDC. None: the shorter side spans [-1, 1] and
            pixels are square.
    Gradient
        gradient: 'exact': the derivative of the image. 'reference': what the backward passes of SoftRas and GenDR
            compute, which hold barycentric weights constant (details: csrc/core/reference_gradient.h).
        check_finite: True: raise ValueError if a corner is not finite, and on CUDA also if a tensor dist_scale or gamma
            is out of range; on CUDA this waits for the GPU. False: faces with such corners are ignored.

    Raises TypeError or ValueError that says what was given and what is allowed.

    Source: Liu et al., "Soft Rasterizer", ICCV 2019; Petersen et al., "GenDR", CVPR 2022.
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
        """Settings that give the images and gradients of SoftRas' soft_rasterize and SoftRenderer with their defaults.

        sigma is 1e-5 and gamma 1e-4. Alpha counts every face, also those that near, far and cull drop from colour.
        Features are interpolated on screen. The gradient is that of SoftRas' backward pass, which differs from the
        derivative of the image; pass gradient='exact' for the derivative.

        changes: other fields to set. Raises TypeError for an unknown field, as the class does.
        """
        return cls(**{**_presets.softras(), **changes})

    @classmethod
    def pytorch3d(cls, *, blur_radius: float = 0.0, **changes: Any) -> "RenderSettings":
        """Settings that give the images of PyTorch3D's soft shaders with their defaults.

        The defaults are those of BlendParams (sigma 1e-4, gamma 1e-4) and of FoVPerspectiveCameras (znear 1, zfar 100,
        so faces are cut at depth 0.5).

        blur_radius: the field of RasterizationSettings, NDC squared, >= 0. With the default 0, a face covers only the
            pixels inside it. PyTorch3D's tutorials use log(1 / 1e-4 - 1) * sigma.
        changes: other fields to set. Raises TypeError for an unknown field, as the class does.
        """
        if not 0 <= check_number("blur_radius", blur_radius) < math.inf:
            raise ValueError(f"blur_radius must be a squared distance in NDC, >= 0, got {blur_radius!r}")
        return cls(**{**_presets.pytorch3d(float(blur_radius)), **changes})

    @classmethod
    def silhouette(cls, *, image_size: int | Sequence[int], pixels: float = 2.0, **changes: Any) -> "RenderSettings":
        """Settings for fitting silhouettes: edges are soft over a number of pixels; alpha counts faces at any depth.

        image_size: side of a square image, or (H, W), in pixels, as for `render`.
        pixels: softness of edges, > 0. A face covers a pixel at this distance from its edge by 0.73 inside and 0.27
            outside, and at twice this distance by 0.98 and 0.02. dist_scale becomes (2 pixels / min(H, W))^2, or
            2 pixels / min(H, W) with dist_squared=False. `Anneal` makes edges sharper from step to step.
        changes: other fields to set, except dist_scale. Raises TypeError for an unknown field, as the class does, and
            TypeError or ValueError for an invalid image_size or pixels.
        """
        if "dist_scale" in changes:
            raise TypeError(
                "silhouette computes dist_scale from pixels: pass pixels, or use RenderSettings(dist_scale=...)"
            )
        wanted = cls(**{**_presets.silhouette(), **changes})
        if wanted.distance != "euclidean":
            raise ValueError(f"softness in pixels needs distance='euclidean', got {wanted.distance!r}")
        squared, half_extent = wanted.dist_squared, wanted.half_extent
        return wanted.replace(dist_scale=scale_of_pixels("pixels", pixels, image_size, squared, half_extent))

    @classmethod
    def sharp(cls, **changes: Any) -> "RenderSettings":
        """Settings for sharp images: alpha is 1 where there is a face and 0 elsewhere; a pixel shows the nearest face.

        There are gradients to features, background and texture maps, and to the corners of the nearest face through the
        features and the depth that are interpolated on it. Alpha has no gradient, so no gradient moves outlines or
        hidden faces. dist_scale and gamma are ignored.

        Sharp images have no seams. With soft edges, the default, two faces cover a pixel on their common edge only by
        1 - 0.5 * 0.5 = 0.75.

        changes: other fields to set. Raises TypeError for an unknown field, as the class does.
        """
        return cls(**{**_presets.sharp(), **changes})

    def replace(self, **changes: Any) -> "RenderSettings":
        """Return a copy with other values of some fields, e.g. settings.replace(dist_scale=1e-5).

        Raises TypeError for unknown fields, ValueError or TypeError for values that are not allowed, as the class does.
        """
        values = {name: getattr(self, name) for name in _DEFAULTS}
        values.update(changes)
        return type(self)(**values)

    def __repr__(self) -> str:
        changed = [
            f"{name}={_written(value)}"
            for name, default in _DEFAULTS.items()
            # Comparing an array gives an array, not True or False.
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
            raise ValueError("reach_shape='box' is not allowed with distance='barycentric', which has its own box")
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
            hint = "; near <= 0 needs perspective_correct=False and clip 'nonnegative' or 'none'"
        raise ValueError(f"near and far must satisfy {allowed}, got near={self.near}, far={self.far}{hint}")

    def _check_near_clip(self) -> None:
        if self.near_clip is None:
            return
        if not 0 < check_number("near_clip", self.near_clip) < math.inf:
            raise ValueError(f"near_clip must be a depth > 0 or None, got {self.near_clip}")
        for name, value in (("distance", "barycentric"), ("gradient", "reference")):
            if getattr(self, name) == value:
                raise ValueError(f"near_clip is not allowed with {name}={value!r}: SoftRas and GenDR do not cut faces")

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
            # A tensor is an argument of the op itself; the number here is then ignored.
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
    """A plain value as Python code, an array as a short description."""
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
    """Return the value as a float. Raises TypeError unless it is a real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        hint = ", which would get no gradient here: pass its .item()" if isinstance(plain(value), Real) else ""
        raise TypeError(f"{name} must be a number, got {type(value).__name__}{hint}")
    return float(value)


# Array types that dist_scale and gamma may have: the type, its check(name, array), and its description for `repr`.
_ARRAYS: list[tuple[type, Callable[[str, Any], None], Callable[[Any], str]]] = []


def accept_arrays(
    array_type: type, check: Callable[[str, Any], None], described: Callable[[Any], str] = _describe
) -> None:
    """Allow arrays of this type as dist_scale and gamma.

    check(name, array) raises ValueError for an invalid array. described(array) is its text in the repr of a
    RenderSettings.
    """
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
    """Raise ValueError or TypeError unless value is a valid dist_scale or gamma. The message calls it by `name`."""
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
    """Raise the ValueError for a scale that is out of range."""
    raise ValueError(f"{name} must be > 0, from {SCALE_MIN:g} to {SCALE_MAX:g}, got {value}")
