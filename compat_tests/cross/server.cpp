// Calls functions of a gendr library for a process on another machine: core.py says what stands in stdin and stdout.
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <string>
#include <vector>

namespace {

void* library;

template <class T>
T read_one() {
    T value;
    if (fread(&value, sizeof(value), 1, stdin) != 1) exit(0);  // the other side is done
    return value;
}

void read_into(void* out, size_t size) {
    if (size && fread(out, size, 1, stdin) != 1) exit(1);
}

void write_out(const void* from, size_t size) {
    if (size && fwrite(from, size, 1, stdout) != 1) exit(1);
}

template <class F>
F function(const std::string& name) {
    void* found = dlsym(library, name.c_str());
    if (!found) {
        fprintf(stderr, "%s\n", dlerror());
        exit(1);
    }
    return reinterpret_cast<F>(found);
}

struct Buffer {
    uint64_t size;
    void* memory;

    Buffer() : size(read_one<uint64_t>()), memory(aligned_alloc(64, (size + 64) / 64 * 64)) { read_into(memory, size); }
};

std::vector<Buffer> read_buffers() {
    std::vector<Buffer> buffers;
    for (uint64_t left = read_one<uint64_t>(); left > 0; --left) buffers.emplace_back();
    return buffers;
}

void hand_back(std::vector<Buffer>& buffers) {
    for (Buffer& buffer : buffers) {
        write_out(buffer.memory, buffer.size);
        free(buffer.memory);
    }
}

// f(struct): a struct whose pointers are numbers of buffers, counted from 1, at given places.
void call_with_struct(const std::string& name, bool gives_size) {
    std::vector<Buffer> buffers = read_buffers();
    std::vector<char> arguments(read_one<uint64_t>());
    read_into(arguments.data(), arguments.size());
    for (uint64_t left = read_one<uint64_t>(); left > 0; --left) {
        const uint64_t place = read_one<uint64_t>();
        uint64_t number;
        memcpy(&number, &arguments[place], sizeof(number));
        memcpy(&arguments[place], &buffers[number - 1].memory, sizeof(void*));
    }
    const uint64_t result = gives_size ? function<size_t (*)(void*)>(name)(arguments.data())
                                       : uint64_t(function<int (*)(void*)>(name)(arguments.data()));
    write_out(&result, sizeof(result));
    hand_back(buffers);
}

void call_for_text(const std::string& name) {
    const char* text = function<const char* (*)(int)>(name)(int(read_one<int64_t>()));
    const int64_t size = text ? int64_t(strlen(text)) : -1;
    write_out(&size, sizeof(size));
    if (text) write_out(text, size_t(size));
}

void call_for_number(const std::string& name) {
    const int64_t result = function<int64_t (*)()>(name)();
    write_out(&result, sizeof(result));
}

void call_quantile(const std::string& name) {
    const int id = int(read_one<int64_t>());
    const double shape = read_one<double>(), shift = read_one<double>(), coverage = read_one<double>();
    const double result = function<double (*)(int, double, double, double)>(name)(id, shape, shift, coverage);
    write_out(&result, sizeof(result));
}

}  // namespace

int main(int, char** arguments) {
    library = dlopen(arguments[1], RTLD_NOW);
    if (!library) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    for (;;) {
        std::string kind(read_one<uint64_t>(), ' ');
        read_into(&kind[0], kind.size());
        std::string name(read_one<uint64_t>(), ' ');
        read_into(&name[0], name.size());
        if (kind == "size" || kind == "status") call_with_struct(name, kind == "size");
        if (kind == "text") call_for_text(name);
        if (kind == "number") call_for_number(name);
        if (kind == "quantile") call_quantile(name);
        fflush(stdout);
    }
}
