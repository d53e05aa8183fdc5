#include "grid.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "counts.h"
#include "fibre.h"
#include "order.h"
#include "races.h"
#include "shared_memory.h"
#include "warp.h"

__thread uint3 threadIdx, blockIdx;
__thread dim3 blockDim, gridDim;

namespace cuda_emu {
namespace {

// Of one OS thread: the grid it runs, and fibres to run it on, which outlive the grid.
class Runner {
  public:
    void run(const Kernel& kernel, dim3 grid, dim3 block);
    bool running() const { return kernel_ != nullptr; }
    const char* kernel_name() const { return kernel_->name; }

    int barrier(BarrierKind kind, bool predicate);
    std::uint64_t warp_primitive(WarpKind kind, unsigned mask, std::uint64_t value, unsigned bytes, unsigned argument);
    void preempt();
    int current_thread() const { return current_; }
    bool private_to_thread(const void* at) const { return fibre_[current_]->owns(at); }
    SharedMemory& shared() { return *shared_; }

    // What a fibre does all its life.
    [[noreturn]] void serve();

  private:
    void run_block();
    void exit_thread();
    void release_barrier_if_complete();
    // The turn goes to another thread, until it is this one's again.
    void suspend();
    int next_thread();
    void set_current(int thread);
    Fibre& idle_fibre();
    [[noreturn]] void die_of_deadlock();

    unsigned warp_of_current() const { return static_cast<unsigned>(current_) / kWarpSize; }
    unsigned lane_of_current() const { return static_cast<unsigned>(current_) % kWarpSize; }
    void make_runnable(unsigned warp, std::uint32_t lanes) {
        runnable_[warp] |= lanes;
        if (lanes) runnable_warps_ |= 1u << warp;
    }

    const Kernel* kernel_ = nullptr;
    Order order_ = Order::of_this_launch();
    SharedMemory* shared_ = nullptr;

    int n_threads_ = 0, n_live_ = 0;
    int current_ = -1;
    Warp warps_[kMaxThreads / kWarpSize];
    std::uint32_t runnable_[kMaxThreads / kWarpSize] = {};
    std::uint32_t runnable_warps_ = 0;
    uint3 index_[kMaxThreads] = {};

    struct {
        std::uint32_t waiting[kMaxThreads / kWarpSize];
        BarrierKind kind;
        int n_waiting, n_true;
        int result;
    } barrier_ = {};

    Fibre host_;  // the caller of run()
    // A thread has a fibre from its first turn to its exit.
    Fibre* fibre_[kMaxThreads] = {};
    std::vector<std::unique_ptr<Fibre>> fibres_;
    std::vector<Fibre*> idle_;
};

// Made at the OS thread's first launch.
thread_local std::unique_ptr<Runner> this_runner;
__thread Runner* runner = nullptr;

Runner& current_runner() {
    if (!runner || !runner->running()) die("called outside a kernel");
    return *runner;
}

void fibre_main() {
    Fibre::arrived();
    runner->serve();
}

void Runner::run(const Kernel& kernel, dim3 grid, dim3 block) {
    if (running()) die("a kernel launches a kernel");
    SharedMemory shared;
    shared_ = &shared;
    kernel_ = &kernel;
    order_ = Order::of_this_launch();
    races::start_launch();
    gridDim = grid;
    blockDim = block;
    n_threads_ = static_cast<int>(block.x * block.y * block.z);
    for (int i = 0; i < n_threads_; ++i) {
        const unsigned n = static_cast<unsigned>(i);
        index_[i] = {n % block.x, n / block.x % block.y, n / block.x / block.y};
    }
    const std::uint64_t n_blocks = std::uint64_t{grid.x} * grid.y * grid.z;
    counts::start_launch(kernel.name, n_blocks, (static_cast<unsigned>(n_threads_) + kWarpSize - 1) / kWarpSize);
    std::vector<std::uint64_t> shuffled;
    if (order_.random()) {
        shuffled.resize(n_blocks);
        for (std::uint64_t i = 0; i < n_blocks; ++i) {
            const unsigned j = order_.draw(static_cast<unsigned>(i + 1));
            shuffled[i] = shuffled[j];
            shuffled[j] = i;
        }
    }
    for (std::uint64_t i = 0; i < n_blocks; ++i) {
        const std::uint64_t b = order_.random() ? shuffled[i] : order_.reverse() ? n_blocks - 1 - i : i;
        blockIdx = {static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                    static_cast<unsigned>(b / grid.x / grid.y)};
        counts::start_block(b);
        run_block();
    }
    kernel_ = nullptr;
    shared_ = nullptr;
}

void Runner::run_block() {
    n_live_ = n_threads_;
    current_ = -1;
    barrier_ = {};
    races::start_block((static_cast<unsigned>(n_threads_) + kWarpSize - 1) / kWarpSize);
    for (int first = 0; first < n_threads_; first += kWarpSize) {
        const unsigned warp = static_cast<unsigned>(first) / kWarpSize;
        const int n = n_threads_ - first;
        const std::uint32_t lanes = n >= 32 ? ~0u : (1u << n) - 1;
        warps_[warp].reset(lanes);
        make_runnable(warp, lanes);
    }
    set_current(next_thread());
    Fibre& fibre = idle_fibre();
    fibre_[current_] = &fibre;
    host_.switch_to(fibre);
    shared_->end_block();
}

void Runner::serve() {
    for (;;) {
        Fibre& here = *fibre_[current_];
        kernel_->run(kernel_->arguments);
        exit_thread();
        const int next = n_live_ > 0 ? next_thread() : -1;
        if (next >= 0) {
            set_current(next);
            if (!fibre_[next]) {  // its first turn: here is a stack for it
                fibre_[next] = &here;
                continue;
            }
        }
        idle_.push_back(&here);
        here.switch_to(next >= 0 ? *fibre_[next] : host_);
    }
}

void Runner::exit_thread() {
    fibre_[current_] = nullptr;
    warps_[warp_of_current()].exit_lane(lane_of_current());
    --n_live_;
    release_barrier_if_complete();
}

void Runner::suspend() {
    const int here = current_;
    const int next = next_thread();
    if (next == here) return;
    set_current(next);
    if (!fibre_[next]) fibre_[next] = &idle_fibre();
    fibre_[here]->switch_to(*fibre_[next]);
}

// Natural: always the first thread that can go on, so that a warp runs as far as it can before the next; reverse: the
// last. Two accesses that nothing orders are so made in one order and in the other. Random: any thread, most often of
// the same warp, so that warps get ahead of one another.
int Runner::next_thread() {
    if (!runnable_warps_) die_of_deadlock();
    unsigned warp;
    if (order_.random() && current_ >= 0 && runnable_[warp_of_current()] && order_.draw(8) > 0) {
        warp = warp_of_current();
    } else {
        warp = order_.pick(runnable_warps_);
    }
    const unsigned lane = order_.pick(runnable_[warp]);
    runnable_[warp] &= ~(1u << lane);
    if (!runnable_[warp]) runnable_warps_ &= ~(1u << warp);
    return static_cast<int>(warp * kWarpSize + lane);
}

void Runner::set_current(int thread) {
    current_ = thread;
    threadIdx = index_[thread];
}

Fibre& Runner::idle_fibre() {
    if (idle_.empty()) {
        fibres_.push_back(std::make_unique<Fibre>(fibre_main, static_cast<unsigned>(fibres_.size())));
        return *fibres_.back();
    }
    Fibre* const fibre = idle_.back();
    idle_.pop_back();
    return *fibre;
}

int Runner::barrier(BarrierKind kind, bool predicate) {
    if (barrier_.n_waiting > 0 && barrier_.kind != kind)
        die("a __syncthreads of another kind than the one other threads wait at");
    barrier_.kind = kind;
    barrier_.n_true += predicate;
    ++barrier_.n_waiting;
    barrier_.waiting[warp_of_current()] |= 1u << lane_of_current();
    release_barrier_if_complete();
    suspend();
    return barrier_.result;
}

// Threads that have exited are not waited for.
void Runner::release_barrier_if_complete() {
    if (barrier_.n_waiting == 0 || barrier_.n_waiting < n_live_) return;
    switch (barrier_.kind) {
        case BarrierKind::plain:
            break;
        case BarrierKind::any:
            barrier_.result = barrier_.n_true > 0;
            break;
        case BarrierKind::all:
            barrier_.result = barrier_.n_true == barrier_.n_waiting;
            break;
        case BarrierKind::count:
            barrier_.result = barrier_.n_true;
            break;
    }
    races::barrier();
    barrier_.n_waiting = barrier_.n_true = 0;
    for (unsigned warp = 0; warp * kWarpSize < static_cast<unsigned>(n_threads_); ++warp) {
        make_runnable(warp, barrier_.waiting[warp]);
        if (barrier_.waiting[warp]) counts::add_of_warp(warp, "barriers", 1);
        barrier_.waiting[warp] = 0;
    }
}

std::uint64_t Runner::warp_primitive(WarpKind kind, unsigned mask, std::uint64_t value, unsigned bytes,
                                     unsigned argument) {
    Warp& warp = warps_[warp_of_current()];
    const unsigned lane = lane_of_current();
    if (warp.arrive(lane, kind, mask, value, bytes).complete()) {
        if (kind == WarpKind::sync) races::sync_warp(warp_of_current(), mask);
        counts::add_of_warp(warp_of_current(), "meetings", 1);
        make_runnable(warp_of_current(), mask);
    }
    suspend();
    return warp.leave(lane, argument);
}

void Runner::preempt() {
    if (!order_.random() || order_.draw(8) > 0) return;
    make_runnable(warp_of_current(), 1u << lane_of_current());
    suspend();
}

void Runner::die_of_deadlock() {
    int at_primitive = -1;
    for (int i = 0; i < n_threads_ && at_primitive < 0; ++i)
        if (warps_[i / 32].waits(static_cast<unsigned>(i) % kWarpSize)) at_primitive = i;
    if (at_primitive < 0) die("deadlock");
    threadIdx = index_[at_primitive];
    const Warp::Meeting& meeting = *warps_[at_primitive / 32].meeting(static_cast<unsigned>(at_primitive) % kWarpSize);
    die("deadlock: no thread can move; %d wait at __syncthreads; this one waits at a %s, mask %08x, arrived %08x",
        barrier_.n_waiting, name(meeting.kind), meeting.mask, meeting.arrived);
}

}  // namespace

void run_grid(const Kernel& kernel, dim3 grid, dim3 block) {
    if (!runner) {
        this_runner = std::make_unique<Runner>();
        runner = this_runner.get();
    }
    runner->run(kernel, grid, block);
}

int barrier(BarrierKind kind, bool predicate) {
    return current_runner().barrier(kind, predicate);
}

std::uint64_t warp_primitive(WarpKind kind, unsigned mask, std::uint64_t value, unsigned bytes, unsigned argument) {
    return current_runner().warp_primitive(kind, mask, value, bytes, argument);
}

void* shared_array(const void* key, std::size_t bytes) {
    return current_runner().shared().array(key, bytes);
}

void preemption_point() {
    if (runner && runner->running()) runner->preempt();
}

int current_thread() {
    return runner && runner->running() ? runner->current_thread() : -1;
}

bool private_to_thread(const void* at) {
    return runner->private_to_thread(at);
}

bool shared_by_block(const void* at) {
    return runner->shared().owns(at);
}

void die(const char* format, ...) {
    std::fflush(stdout);
    std::fprintf(stderr, "cuda_emu: ");
    if (runner && runner->running()) {
        std::fprintf(stderr, "%s, block (%u, %u, %u), thread (%u, %u, %u): ", runner->kernel_name(), blockIdx.x,
                     blockIdx.y, blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
    }
    va_list arguments;
    va_start(arguments, format);
    std::vfprintf(stderr, format, arguments);
    va_end(arguments);
    std::fprintf(stderr, "\n");
    std::abort();
}

}  // namespace cuda_emu
