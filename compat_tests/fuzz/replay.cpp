// The fuzzer for any compiler: replays a corpus, then changed copies of its files, the same ones every time.
//
// replay CORPUS_FOLDER CALLS THREADS: with one thread, a call has the threads its input asks for; with more, that many
// make calls at once, and each call has two, of which those of the library's pool go to one call at a time. FUZZ_KEEP
// in the environment: a file that has the input that is being tried.
#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "calls.h"

namespace {

using Input = std::vector<uint8_t>;

std::vector<Input> read_corpus(const std::string& folder) {
    std::vector<std::string> names;
    DIR* const directory = opendir(folder.c_str());
    if (!directory) return {};
    while (const dirent* entry = readdir(directory)) {
        if (entry->d_name[0] != '.') names.push_back(entry->d_name);
    }
    closedir(directory);
    std::sort(names.begin(), names.end());
    std::vector<Input> inputs;
    for (const std::string& name : names) {
        std::ifstream file(folder + "/" + name, std::ios::binary);
        inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
    return inputs;
}

// splitmix64 (Steele, Lea and Flood, 2014)
struct Random {
    uint64_t state;
    uint64_t next() {
        uint64_t z = state += 0x9e3779b97f4a7c15u;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
    }
    size_t below(size_t n) { return size_t(next() % n); }
};

Input changed(const std::vector<Input>& corpus, Random random) {
    Input input = corpus[random.below(corpus.size())];
    if (random.below(16) == 0) input.clear();
    while (input.size() < 64 + random.below(256)) input.push_back(uint8_t(random.next()));
    for (size_t n = random.below(8); n > 0; --n) {
        const size_t at = random.below(input.size());
        switch (random.below(4)) {
            case 0:
                input[at] = uint8_t(random.next());
                break;
            case 1:
                input[at] = random.below(2) ? 0 : 255;
                break;
            case 2:
                input.insert(input.begin() + std::ptrdiff_t(at), uint8_t(random.next()));
                break;
            default: {
                const Input& other = corpus[random.below(corpus.size())];
                const size_t n_bytes = std::min(other.size(), input.size()) / 2, from = random.below(input.size());
                for (size_t i = 0; i < n_bytes && from + i < std::min(other.size(), input.size()); ++i) {
                    input[from + i] = other[from + i];
                }
            }
        }
    }
    return input;
}

// For whoever looks for what a sanitizer reported.
void keep(const Input& input) {
    if (const char* const path = std::getenv("FUZZ_KEEP")) {
        std::ofstream(path, std::ios::binary)
            .write(reinterpret_cast<const char*>(input.data()), std::streamsize(input.size()));
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    std::vector<Input> corpus = read_corpus(argv[1]);
    const int64_t n_calls = std::atoll(argv[2]);
    const int n_threads = std::atoi(argv[3]);
    if (corpus.empty()) {
        std::fprintf(stderr, "no corpus in %s\n", argv[1]);
        return 2;
    }
    const auto work = [&](int thread) {
        for (int i = thread; fuzz::calls_made() < n_calls || i < int(corpus.size()); i += n_threads) {
            const Input input = i < int(corpus.size()) ? corpus[size_t(i)] : changed(corpus, Random{uint64_t(i)});
            if (n_threads == 1) keep(input);
            fuzz::call(input.data(), input.size(), n_threads > 1 ? 2 : 0);
        }
    };
    std::vector<std::thread> threads;
    for (int i = 1; i < n_threads; ++i) threads.emplace_back(work, i);
    work(0);
    for (std::thread& thread : threads) thread.join();
    fuzz::print_counts();
    return 0;
}
