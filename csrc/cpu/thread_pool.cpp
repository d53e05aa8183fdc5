#include "thread_pool.h"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "interruption.h"
#include "older_glibc.h"

namespace gendr {
namespace {

struct Job {
    void (*body)(void*, std::ptrdiff_t, int);
    void* context;
    std::ptrdiff_t n_tasks;
    int n_threads;
    Interruption* call;
    std::atomic<std::ptrdiff_t> next{0};

    void work(int thread) {
        for (;;) {
            const std::ptrdiff_t task = next.fetch_add(1, std::memory_order_relaxed);
            if (task >= n_tasks || (call && call->requested())) return;
            body(context, task, thread);
        }
    }
};

using Clock = std::chrono::steady_clock;
// Calls come in quick succession, and waking a thread takes about this long: spin before sleeping, but no longer, so
// that on a busy machine the processor goes to whoever is being waited for.
constexpr std::chrono::microseconds kSpin{50};
// How often a caller who waits for workers looks whether it is to stop.
constexpr std::chrono::milliseconds kLook{50};

class Pool {
  public:
    // Never destroyed: its threads may outlive main(), and a forked child leaks its parent's.
    static Pool& instance() {
        static std::mutex creation;
        std::lock_guard<std::mutex> lock(creation);
        if (!current_) {
            current_ = new Pool;
            static const int registered = pthread_atfork(nullptr, nullptr, [] { current_ = nullptr; });
            (void)registered;
        }
        return *current_;
    }

    bool run(Job& job) {
        if (busy_.exchange(true, std::memory_order_acquire)) return false;
        const Release release{busy_};
        while (n_workers_ < job.n_threads - 1 && add_worker()) {
        }
        {
            std::lock_guard<std::mutex> lock(mutex_);
            job_ = &job;
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        job.work(0);
        // All tasks are taken: workers that have not come by now are not waited for.
        std::unique_lock<std::mutex> lock(mutex_);
        job_ = nullptr;
        if (inside_.load(std::memory_order_relaxed) > 0) {
            lock.unlock();
            spin([&] { return inside_.load(std::memory_order_acquire) == 0; });
            lock.lock();
            while (!wait_for(done_, lock, kLook, [&] { return inside_.load(std::memory_order_relaxed) == 0; })) {
                lock.unlock();
                if (job.call) job.call->requested();
                lock.lock();
            }
        }
        return true;
    }

  private:
    struct Release {
        std::atomic<bool>& busy;
        ~Release() { busy.store(false, std::memory_order_release); }
    };

    // False: the system has no more threads to give, and those that are there do it all.
    bool add_worker() {
        try {
            std::thread([this, id = n_workers_ + 1, seen = generation_.load()] { serve(id, seen); }).detach();
        } catch (const std::system_error&) {
            return false;
        }
        ++n_workers_;
        return true;
    }

    template <class Condition>
    static void spin(Condition&& reached) {
        const auto deadline = Clock::now() + kSpin;
        while (!reached() && Clock::now() < deadline) {
        }
    }

    // `seen` is the last job this worker has nothing to do with any more.
    void serve(int id, unsigned seen) {
        for (;;) {
            spin([&] { return generation_.load(std::memory_order_acquire) != seen; });
            std::unique_lock<std::mutex> lock(mutex_);
            wait(wake_, lock, [&] { return generation_.load(std::memory_order_relaxed) != seen; });
            seen = generation_.load(std::memory_order_relaxed);
            Job* job = job_;
            if (!job || id >= job->n_threads) continue;
            inside_.fetch_add(1, std::memory_order_relaxed);
            lock.unlock();
            {
                const WorkingFor call(job->call);
                job->work(id);
            }
            lock.lock();
            if (inside_.fetch_sub(1, std::memory_order_release) == 1) done_.notify_one();
        }
    }

    static Pool* current_;
    std::atomic<bool> busy_{false};  // while a job runs
    std::mutex mutex_;               // guards what follows; the atomics are also looked at without it, while spinning
    std::condition_variable wake_, done_;
    std::atomic<unsigned> generation_{0};
    std::atomic<int> inside_{0};  // workers at work on the job
    Job* job_ = nullptr;          // null once its tasks are all taken
    int n_workers_ = 0;
};

Pool* Pool::current_ = nullptr;

// A team: the threads of another runtime, which are there for its own work, too. Those of OpenMP look for work for some
// milliseconds after they had some; threads of a pool would have to share the processors with them.
std::atomic<gendr_parallel> team{nullptr};

class Team {
  public:
    explicit Team(Job& job) : job_(job) {}

    static void join(void* data) {
        Team& team = *static_cast<Team*>(data);
        Job& job = team.job_;
        const bool caller = pthread_equal(pthread_self(), team.caller_);
        const int thread = caller ? 0 : team.next_thread_.fetch_add(1, std::memory_order_relaxed);
        if (thread < job.n_threads) {
            const WorkingFor call(job.call);
            team.at_work_.fetch_add(1);
            job.work(thread);
            team.stop_working();
        }
        team.wait_for_others(caller);
    }

  private:
    bool is_done() const { return at_work_.load() == 0; }
    void stop_working() {
        if (at_work_.fetch_sub(1) != 1) return;
        const std::lock_guard<std::mutex> lock(mutex_);
        done_.notify_all();
    }
    // Asleep, not as OpenMP would wait: on a busy machine the processor goes to whoever is being waited for.
    void wait_for_others(bool caller) {
        const auto deadline = Clock::now() + kSpin;
        while (!is_done() && Clock::now() < deadline) {
        }
        std::unique_lock<std::mutex> lock(mutex_);
        while (!wait_for(done_, lock, kLook, [&] { return is_done(); })) {
            lock.unlock();
            if (caller && job_.call) job_.call->requested();
            lock.lock();
        }
    }

    Job& job_;
    const pthread_t caller_ = pthread_self();
    std::atomic<int> next_thread_{1};
    std::atomic<int> at_work_{0};
    std::mutex mutex_;
    std::condition_variable done_;
};

}  // namespace

void work_on(gendr_parallel parallel) {
    team.store(parallel, std::memory_order_release);
    // In a child, the threads that a runtime believes in are not there.
    static const int registered = pthread_atfork(nullptr, nullptr, [] { team.store(nullptr); });
    (void)registered;
}

void parallel_for(int n_threads, std::ptrdiff_t n_tasks, void (*body)(void*, std::ptrdiff_t, int), void* context) {
    if (n_tasks <= 0) return;
    Job job;
    job.body = body;
    job.context = context;
    job.n_tasks = n_tasks;
    job.n_threads = n_tasks < n_threads ? static_cast<int>(n_tasks) : n_threads;
    job.call = Interruption::current();
    const gendr_parallel parallel = team.load(std::memory_order_acquire);
    if (job.n_threads > 1 && parallel) {
        // Of always the same size: OpenMP ends threads that a team has no use for.
        Team of_job(job);
        parallel(Team::join, &of_job, static_cast<unsigned>(n_threads), 0);
    } else if (job.n_threads == 1 || !Pool::instance().run(job)) {
        job.n_threads = 1;
        job.work(0);
    }
    Interruption::check();
}

}  // namespace gendr
