// A rectangle of pixels in 8 bytes, for the many tests of which faces may touch which pixels.
#pragma once

#include "geometry.h"

GENDR_BEGIN_NAMESPACE

// Both ends included.
struct alignas(8) PixelBox {
    uint16_t x0, y0, x1, y1;
};

// Overlaps nothing, and adds nothing to a joined box.
GENDR_HD PixelBox no_pixels() {
    return {0xffff, 0xffff, 0, 0};
}

// The pixels in reach of a face.
template <class T>
GENDR_HD PixelBox box_of(const Face<T>& f) {
    if (f.x0 > f.x1) return no_pixels();
    return {uint16_t(f.x0), uint16_t(f.y0), uint16_t(f.x1), uint16_t(f.y1)};
}

GENDR_HD PixelBox joined(const PixelBox& a, const PixelBox& b) {
    return {a.x0 < b.x0 ? a.x0 : b.x0, a.y0 < b.y0 ? a.y0 : b.y0, a.x1 > b.x1 ? a.x1 : b.x1, a.y1 > b.y1 ? a.y1 : b.y1};
}

GENDR_HD bool overlap(const PixelBox& a, const PixelBox& b) {
    return a.x0 <= b.x1 && a.x1 >= b.x0 && a.y0 <= b.y1 && a.y1 >= b.y0;
}

GENDR_END_NAMESPACE
