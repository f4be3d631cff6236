// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/key_links.h"

#include <algorithm>

#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "pinion/proto/wire/route_of.h"

namespace pinion::client_internal {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::MethodDescriptor;

// As good as another; the server's is its own.
constexpr uint64_t kSeed = 0;

// "/package.Service/Method" as descriptors name it: "package.Service.Method".
const MethodDescriptor* FindMethod(absl::string_view path) {
  absl::ConsumePrefix(&path, "/");
  std::string name(path);
  std::replace(name.begin(), name.end(), '/', '.');
  return DescriptorPool::generated_pool()->FindMethodByName(name);
}

std::unique_ptr<const KeyReader> MakeReader(absl::string_view path) {
  const MethodDescriptor* const method = FindMethod(path);
  if (method == nullptr || RouteOf(*method).key().empty()) return nullptr;
  auto reader = KeyReader::Create(method->input_type(), RouteOf(*method).key());
  if (!reader.ok()) return nullptr;
  return std::make_unique<const KeyReader>(*std::move(reader));
}

}  // namespace

int KeyLinks::Of(absl::string_view method, absl::string_view request) {
  if (links_ == 1) return 0;
  const std::optional<const KeyReader*> reader = ReaderOf(method);
  if (!reader.has_value()) {
    return static_cast<int>(ProcessHash()(method) %
                            static_cast<size_t>(links_));
  }
  if (*reader != nullptr) {
    const auto key = (*reader)->Read(request);
    if (key.ok()) return static_cast<int>(key->Hash(kSeed) % links_);
  }
  return static_cast<int>(turn_.fetch_add(1, std::memory_order_relaxed) %
                          static_cast<uint32_t>(links_));
}

std::optional<const KeyReader*> KeyLinks::ReaderOf(absl::string_view method) {
  MutexLock lock(mutex_);
  auto found = readers_.find(method);
  if (found == readers_.end()) {
    if (readers_.size() >= kMaxMethods) return std::nullopt;
    found = readers_.emplace(method, MakeReader(method)).first;
  }
  return found->second.get();
}

}  // namespace pinion::client_internal
