// SPDX-License-Identifier: Apache-2.0
//
// Payload: the bytes of a response, owned; a few bytes need no memory of their
//          own.
//
// Threads: plain data.
// Example: Payload payload(message.ByteSizeLong());
//          message.SerializeWithCachedSizesToArray(payload.data());
//          grpc::Slice slice = std::move(payload).ToSlice();
#ifndef PINION_SERVER_INTERNAL_PAYLOAD_H_
#define PINION_SERVER_INTERNAL_PAYLOAD_H_

#include <grpcpp/support/slice.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/string_view.h"
#include "pinion/core/base/check.h"

namespace pinion {

class Payload {
 public:
  Payload() = default;
  // `size` bytes, fewer than 4 GiB, of any value.
  explicit Payload(size_t size) : size_(static_cast<uint32_t>(size)) {
    PINION_CHECK(size <= std::numeric_limits<uint32_t>::max(),
                 "a response has ", size, " bytes");
    if (large()) SetMemory(static_cast<uint8_t*>(std::malloc(size)));
  }
  Payload(Payload&& other) noexcept { Steal(other); }
  Payload& operator=(Payload&& other) noexcept {
    if (this != &other) {
      Free();
      Steal(other);
    }
    return *this;
  }
  ~Payload() { Free(); }

  size_t size() const { return size_; }
  uint8_t* data() { return large() ? memory() : small_; }
  const uint8_t* data() const { return large() ? memory() : small_; }
  absl::string_view view() const {
    return {reinterpret_cast<const char*>(data()), size_};
  }

  // The same bytes for gRPC. If there are many, they are not copied.
  grpc::Slice ToSlice() && {
    if (!large()) return grpc::Slice(small_, size_);
    const size_t size = std::exchange(size_, 0);
    return grpc::Slice(memory(), size, std::free);
  }

 private:
  static constexpr size_t kSmall = 12;
  static constexpr size_t kMemoryAt = kSmall - sizeof(uint8_t*);

  bool large() const { return size_ > kSmall; }
  uint8_t* memory() const {
    uint8_t* memory;
    std::memcpy(&memory, small_ + kMemoryAt, sizeof(memory));
    return memory;
  }
  void SetMemory(uint8_t* memory) {
    PINION_CHECK(memory != nullptr, "no memory for ", size_, " bytes");
    std::memcpy(small_ + kMemoryAt, &memory, sizeof(memory));
  }
  void Free() {
    if (large()) std::free(memory());
  }
  void Steal(Payload& other) {
    size_ = std::exchange(other.size_, 0);
    std::memcpy(small_, other.small_, kSmall);
  }

  uint32_t size_ = 0;
  // The bytes, or in its last part their address.
  uint8_t small_[kSmall] = {};
};

static_assert(sizeof(Payload) == 16);

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_PAYLOAD_H_
