// The shared arrays of the block that runs.
#pragma once

#include <cstddef>
#include <vector>

namespace cuda_emu {

class SharedMemory {
  public:
    ~SharedMemory();
    void* array(const void* key, std::size_t bytes);
    bool owns(const void* at) const;
    // Checks the guards and forgets what the block wrote.
    void end_block();

  private:
    struct Array {
        const void* key;
        char* allocation;
        std::size_t bytes;
        bool in_use;  // by this block
    };
    std::vector<Array> arrays_;
    std::size_t used_ = 0;
};

}  // namespace cuda_emu
