"""How much there is to do at least: what time and the device's ceilings are compared with.

Operations: each +, -, * and / is one (so a fused multiply-add is two), and so is each exp, log1p and expm1, though a
GPU needs several instructions for them. Comparisons, selections, minima, maxima, signs and integers are none. Counted
in float32, with corner colours (3 channels), perspective-correct, without gradients to the colours; what the compiler
can drop is not counted. Only pairs in reach count: tests of pairs that turn out to be farther away are the renderer's
own expense. So the share of the fp32 ceiling is a lower bound of how busy the units are.

    a pair, forward                      silhouette  colour
    core/geometry.h  relate                      48      51   6 differences, 3 t of 4, 3 distances of 7, 3 w of 3;
                                                              colour, backward: 3 for the nearest point's weights
    u                                             1       1
    core/math.h      softplus                     3       3
    distributions.h  logistic's cdf                       4
    T-conorm's state                              1       1
    core/interpolation.h  interpolate_unit                15
    exponent, core/softmax.h softmax_add                  8
    3 channels: sample 5, blend 3                        24
                                                 53     107
    a pair, backward
    pixel's x and y                               6       6
    relate, u                                    52      52
    logistic's cdf, pdf                           4       6
    slope, dL/du                                  3       3
    interpolate_unit                                     15
    exponent, softmax_share                               8
    3 channels: add_image 15 each                         45
    coverage, depth, gamma                               10
    differentiate_unit and its sums                      42
    pull_squared, pull_corners, 6 sums           16      16
    tau                                           2       2
    pull_weights and 6 sums                              22
                                                 83     227
    a face                                       31      31   core/geometry.h setup_face; in each pass
    a pixel, forward                              2       5

Bytes: each input read once, each result written once, nothing else: no workspace, no second look at a face.

    a face, forward        36 (corners)                   + 36 (colours)
    a face, backward       36 + 36 written                + 36
    a pixel, forward        8 written (alpha, state)      + 20 (image, softmax state)
    a pixel, backward       8 (gradient, state)           + 32 (gradient, image, softmax state)
"""

from typing import NamedTuple

from benchmarks.gpu.scenes import View


class Counts(NamedTuple):
    """Of forward and backward together."""

    flops: int
    bytes: int


def least_work(view: View, pairs: int) -> Counts:
    colour = view.case.output == "colour"
    faces = len(view.vertices) * len(view.faces)
    pixels = len(view.vertices) * view.case.image_size**2
    per_pair, per_pixel = (107 + 227, 5) if colour else (53 + 83, 2)
    face_bytes, pixel_bytes = (72 + 108, 28 + 40) if colour else (36 + 72, 8 + 8)
    return Counts(
        pairs * per_pair + faces * 2 * 31 + pixels * per_pixel,
        faces * face_bytes + pixels * pixel_bytes,
    )
