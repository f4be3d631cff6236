// SPDX-License-Identifier: Apache-2.0
#include "server/kv/kv_shard.h"

#include <limits>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace pinion::kv {
namespace {

// When a value written now is gone; far times to live are for good.
int64_t Expiry(int64_t now_ns, uint64_t ttl_ms) {
  constexpr int64_t kNanosPerMilli = 1'000'000;
  const int64_t left = std::numeric_limits<int64_t>::max() - now_ns;
  if (ttl_ms == 0 || ttl_ms > static_cast<uint64_t>(left / kNanosPerMilli)) {
    return 0;
  }
  return now_ns + static_cast<int64_t>(ttl_ms) * kNanosPerMilli;
}

std::string Quoted(const std::string& key) {
  return absl::StrCat("\"", absl::CHexEscape(key.substr(0, 64)), "\"");
}

}  // namespace

absl::Status KvShard::Get(const v1::GetRequest& request,
                          v1::GetResponse* response) {
  const Entry* entry = Find(request.key());
  if (entry == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("the key ", Quoted(request.key()), " has no value"));
  }
  response->set_value(entry->value);
  response->set_version(entry->version);
  return absl::OkStatus();
}

absl::Status KvShard::Put(const v1::PutRequest& request,
                          v1::PutResponse* response) {
  response->set_version(
      Write(request.key(), request.value(), request.ttl_ms()).version);
  return absl::OkStatus();
}

absl::Status KvShard::Delete(const v1::DeleteRequest& request,
                             v1::DeleteResponse* response) {
  response->set_deleted(Find(request.key()) != nullptr);
  entries_.erase(request.key());
  return absl::OkStatus();
}

absl::Status KvShard::Increment(const v1::IncrementRequest& request,
                                v1::IncrementResponse* response) {
  Entry* entry = Find(request.key());
  int64_t value = 0;
  if (entry != nullptr && !absl::SimpleAtoi(entry->value, &value)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the value of ", Quoted(request.key()),
                     " is not a 64-bit decimal number; Put one first"));
  }
  if (__builtin_add_overflow(value, request.by(), &value)) {
    return absl::OutOfRangeError(
        absl::StrCat("adding ", request.by(), " to ", Quoted(request.key()),
                     " would leave the 64-bit numbers"));
  }
  if (entry == nullptr) entry = &entries_[request.key()];
  entry->value = absl::StrCat(value);
  entry->version = ++last_version_;
  response->set_value(value);
  response->set_version(entry->version);
  return absl::OkStatus();
}

absl::Status KvShard::CompareAndSet(const v1::CompareAndSetRequest& request,
                                    v1::CompareAndSetResponse* response) {
  const Entry* entry = Find(request.key());
  const uint64_t version = entry == nullptr ? 0 : entry->version;
  response->set_swapped(version == request.expected_version());
  response->set_version(
      response->swapped()
          ? Write(request.key(), request.value(), request.ttl_ms()).version
          : version);
  return absl::OkStatus();
}

KvShard::Entry* KvShard::Find(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  const int64_t expires_ns = found->second.expires_ns;
  if (expires_ns != 0 && expires_ns <= now_()) {
    entries_.erase(found);
    return nullptr;
  }
  return &found->second;
}

const KvShard::Entry& KvShard::Write(const std::string& key,
                                     const std::string& value,
                                     uint64_t ttl_ms) {
  Entry& entry = entries_[key];
  entry.value = value;
  entry.version = ++last_version_;
  entry.expires_ns = Expiry(now_(), ttl_ms);
  return entry;
}

}  // namespace pinion::kv
