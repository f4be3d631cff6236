// SPDX-License-Identifier: Apache-2.0
//
// RequestSource: a request that has yet to be put where it will lie: a message,
//                or its serialized bytes.
//
// Threads: plain data; what it refers to must outlive it.
// Example: RequestSource request(message);
//          request.WriteTo(Reserve(request.size()));
#ifndef PINION_CLIENT_INTERNAL_REQUEST_SOURCE_H_
#define PINION_CLIENT_INTERNAL_REQUEST_SOURCE_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace pinion::client_internal {

class RequestSource {
 public:
  explicit RequestSource(absl::string_view bytes)
      : size_(bytes.size()), bytes_(bytes.data()) {}
  // The message must not change until it is written.
  explicit RequestSource(const google::protobuf::Message& message)
      : size_(message.ByteSizeLong()), message_(&message) {}

  size_t size() const { return size_; }

  // Writes size() bytes.
  void WriteTo(char* at) const {
    if (message_ != nullptr) {
      message_->SerializeWithCachedSizesToArray(reinterpret_cast<uint8_t*>(at));
    } else if (size_ > 0) {
      std::memcpy(at, bytes_, size_);
    }
  }

 private:
  const size_t size_;
  const char* const bytes_ = nullptr;  // Or else:
  const google::protobuf::Message* const message_ = nullptr;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_REQUEST_SOURCE_H_
