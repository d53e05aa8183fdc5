// CUDA for g++: enough of it to compile the kernels of csrc/cuda as C++ and to run them under sanitizers, without a
// GPU.
//
// The model. The blocks of a grid run one after the other, a launch has finished when it returns, and device memory is
// host memory. The threads of a block are fibres on one OS thread, and a thread keeps its turn until it waits for
// others at a barrier or a warp primitive. Who is next, of threads and of blocks, GENDR_EMU_ORDER says: natural (the
// first that can go on), reverse (the last) or a seed above 1 (any one; atomics then give others a turn, too). Threads
// of a warp diverge freely; a warp primitive waits for exactly the lanes that its mask names.
//
// It stops the process, and says where, at: a lane outside its own mask, a mask with lanes that have exited, lanes that
// meet with different masks or at different primitives, a shuffle from a lane outside the mask, a deadlock, a write
// around a shared array, more shared memory than a block has. A missing barrier makes the results differ between
// orders; a build with the race detector (races.h) names both accesses in any order. Shared memory starts as NaN; with
// ASan an access one element beyond an array stops the process.
//
// What it cannot find:
// - without the race detector: an update that two threads make without an atomic (nobody interrupts between two
//   synchronisations), a race whose result is the same in all the orders tried, or one between accesses that only a
//   shuffle or vote separates (on a GPU these order no memory, here they do);
// - a missing wait for an asynchronous copy, which is made at once;
// - a missing __threadfence, or what an atomic's flag was to protect: the race detector takes atomics for no order at
// all;
// - barriers that threads of a block reach at different places of the code, as long as all reach one;
// - host pointers used on the device and the other way, wrong streams, missing synchronisation with the host;
// - one thread spinning until another writes: it hangs;
// - too many registers, the device's own rounding in mathematical functions, denormals, and, unless a build leaves some
//   sources unfused (compat_tests/emulator/builds.py), contraction of a*b+c in other kernels than g++ chooses;
// - anything about speed; a build for it counts what decides that (counts.h).
#pragma once

#include "counts.h"
#include "device.h"
#include "runtime.h"
#include "vectors.h"
