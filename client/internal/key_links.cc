// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/key_links.h"

#include <algorithm>
#include <utility>

#include "absl/strings/strip.h"
#include "google/protobuf/descriptor.h"
#include "pinion/client/internal/method_names.h"
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

int KeyLinks::OfSeveral(absl::string_view method, absl::string_view request) {
  const Known* const known = Find(method);
  if (known == nullptr) {
    return static_cast<int>(ProcessHash()(method) %
                            static_cast<size_t>(links_));
  }
  if (known->reader != nullptr) {
    const auto key = known->reader->Read(request);
    if (key.ok()) return static_cast<int>(key->Hash(kSeed) % links_);
  }
  return static_cast<int>(turn_.fetch_add(1, std::memory_order_relaxed) %
                          static_cast<uint32_t>(links_));
}

const KeyLinks::Known* KeyLinks::Find(absl::string_view method) {
  // Pairs with the release below: it is made.
  const Known* const last = last_.load(std::memory_order_acquire);
  if (last != nullptr && SameName(last->method, method)) return last;
  return FindUnderLock(method);
}

const KeyLinks::Known* KeyLinks::FindUnderLock(absl::string_view method) {
  MutexLock lock(mutex_);
  auto found = methods_.find(method);
  if (found == methods_.end()) {
    if (methods_.size() >= kMaxMethods) return nullptr;
    auto made = std::make_unique<const Known>(
        Known{std::string(method), MakeReader(method)});
    const absl::string_view name = made->method;
    found = methods_.emplace(name, std::move(made)).first;
  }
  last_.store(found->second.get(), std::memory_order_release);
  return found->second.get();
}

}  // namespace pinion::client_internal
