// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/kv/kv_shard.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/wire_format_lite.h"
#include "pinion/core/base/check.h"
#include "pinion/proto/wire/utf8.h"

namespace pinion::kv {
namespace {

// How much of a key an error repeats.
constexpr size_t kQuotedBytes = 64;

// Whether `text` is the number as Increment writes it. SimpleAtoi() would also
// take " 5", "+5" and "05", which no error calls a number, and which a client
// that compares values takes for others.
bool ParseNumber(const std::string& text, int64_t* number) {
  return absl::SimpleAtoi(text, number) && absl::StrCat(*number) == text;
}

// What a Keyed has no longer time to live than.
std::chrono::nanoseconds TimeToLive(uint64_t ttl_ms) {
  constexpr std::chrono::milliseconds kLongest =
      std::chrono::hours(24) * 365 * 100;
  return std::chrono::milliseconds(
      std::min(ttl_ms, static_cast<uint64_t>(kLongest.count())));
}

// The size of a GetResponse, whatever the version.
int64_t GetResponseBytes(size_t value_bytes) {
  using google::protobuf::internal::WireFormatLite;
  constexpr size_t kTag = 1;
  constexpr size_t kLongestVersion = 10;
  return static_cast<int64_t>(kTag +
                              WireFormatLite::LengthDelimitedSize(value_bytes) +
                              kTag + kLongestVersion);
}

}  // namespace

KvShard::KvShard(const ShardInfo& info, const KvOptions& options)
    : max_response_bytes_(info.max_response_bytes()),
      values_({.max_bytes = options.bytes,
               .when_full = options.when_full,
               .max_bytes_name = "kv_bytes",
               .key_seed = info.key_seed(),
               .clock = info.clock(),
               .tallies = &info.keyed_tallies()}),
      expiry_(info, values_),
      watchers_(info) {
  values_.OnGone([this](Values::Entry& entry, WhyGone why) {
    Changed(entry, why == WhyGone::kExpired ? KvChange::Kind::kExpired
                                            : KvChange::Kind::kEvicted);
  });
}

absl::Status KvShard::Get(const v1::GetRequest& request,
                          v1::GetResponse* response) {
  const Values::Entry* entry = values_.Find(request.key());
  if (entry == nullptr) {
    return absl::NotFoundError(absl::StrCat(
        "the key ", Quoted(request.key(), kQuotedBytes), " has no value"));
  }
  response->set_value(entry->state.text);
  response->set_version(entry->state.version);
  return absl::OkStatus();
}

absl::Status KvShard::Put(const v1::PutRequest& request,
                          v1::PutResponse* response) {
  const absl::StatusOr<uint64_t> version =
      Write(request.key(), values_.Find(request.key()), request.value(),
            request.ttl_ms());
  if (!version.ok()) return version.status();
  response->set_version(*version);
  return absl::OkStatus();
}

absl::Status KvShard::Delete(const v1::DeleteRequest& request,
                             v1::DeleteResponse* response) {
  Values::Entry* entry = values_.Find(request.key());
  response->set_deleted(entry != nullptr);
  if (entry == nullptr) return absl::OkStatus();
  Changed(*entry, KvChange::Kind::kDeleted);
  values_.Erase(*entry);
  return absl::OkStatus();
}

absl::Status KvShard::Increment(const v1::IncrementRequest& request,
                                v1::IncrementResponse* response) {
  Values::Entry* entry = values_.Find(request.key());
  int64_t value = 0;
  if (entry != nullptr && !ParseNumber(entry->state.text, &value)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the value of ", Quoted(request.key(), kQuotedBytes),
                     " is not a 64-bit decimal number, such as \"-5\" or "
                     "\"12\"; Put one first"));
  }
  if (__builtin_add_overflow(value, request.by(), &value)) {
    return absl::OutOfRangeError(absl::StrCat(
        "adding ", request.by(), " to ", Quoted(request.key(), kQuotedBytes),
        " would leave the 64-bit numbers"));
  }
  const absl::StatusOr<uint64_t> version =
      Write(request.key(), entry, absl::StrCat(value),
            entry == nullptr ? std::optional(request.ttl_ms()) : std::nullopt);
  if (!version.ok()) return version.status();
  response->set_value(value);
  response->set_version(*version);
  return absl::OkStatus();
}

absl::Status KvShard::CompareAndSet(const v1::CompareAndSetRequest& request,
                                    v1::CompareAndSetResponse* response) {
  Values::Entry* entry = values_.Find(request.key());
  const uint64_t present = entry == nullptr ? 0 : entry->state.version;
  if (present != request.expected_version()) {
    response->set_version(present);
    return absl::OkStatus();
  }
  const absl::StatusOr<uint64_t> version =
      Write(request.key(), entry, request.value(), request.ttl_ms());
  if (!version.ok()) return version.status();
  response->set_swapped(true);
  response->set_version(*version);
  return absl::OkStatus();
}

void KvShard::Watch(const v1::WatchRequest& request,
                    Stream<v1::WatchResponse> stream) {
  v1::WatchResponse present;
  present.set_change(v1::WatchResponse::CHANGE_PRESENT);
  if (const Values::Entry* entry = values_.Find(request.key())) {
    present.set_value(entry->state.text);
    present.set_version(entry->state.version);
  } else {
    // One that has passed and is still there goes now: to this watcher it never
    // was.
    values_.Erase(request.key());
  }
  watchers_.Add(request.key(), present, std::move(stream));
}

absl::StatusOr<uint64_t> KvShard::Write(const std::string& key,
                                        Values::Entry* entry, std::string text,
                                        std::optional<uint64_t> ttl_ms) {
  const absl::Status size = CheckSize(key, text.size());
  if (!size.ok()) return size;
  if (entry == nullptr) {
    const absl::StatusOr<Values::Entry*> created =
        values_.Create(key, Value{.text = std::move(text)});
    if (!created.ok()) return created.status();
    entry = *created;
  } else {
    const absl::Status replaced = Replace(*entry, std::move(text));
    if (!replaced.ok()) return replaced;
  }
  if (ttl_ms == 0) {
    values_.ExpireNever(*entry);
  } else if (ttl_ms.has_value()) {
    values_.ExpireAfter(*entry, TimeToLive(*ttl_ms));
  }
  Changed(*entry, KvChange::Kind::kWritten);
  return entry->state.version;
}

// A WatchResponse has two bytes more than a GetResponse, but no session's.
absl::Status KvShard::CheckSize(const std::string& key,
                                size_t text_bytes) const {
  const int64_t response_bytes = GetResponseBytes(text_bytes);
  if (response_bytes <= max_response_bytes_) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the value of ", Quoted(key, kQuotedBytes), " has ",
                   text_bytes, " bytes, and Get would have to return up to ",
                   response_bytes, ", more than the ", max_response_bytes_,
                   " that a response may have; divide the value, or raise "
                   "max_message_bytes"));
}

absl::Status KvShard::Replace(Values::Entry& entry, std::string text) {
  entry.state.text.swap(text);
  const absl::Status room = values_.Recount(entry);
  if (room.ok()) return room;
  entry.state.text.swap(text);
  PINION_CHECK(values_.Recount(entry).ok(), "what was there had room");
  return room;
}

void KvShard::Changed(Values::Entry& entry, KvChange::Kind kind) {
  entry.state.version = ++last_version_;
  const Key key = entry.key();  // The bytes may lie within it.
  const KvChange change = {.kind = kind,
                           .key = key.bytes(),
                           .value = entry.state.text,
                           .version = entry.state.version};
  watchers_.Tell(change);
  if (tell_ != nullptr) tell_(change);
}

}  // namespace pinion::kv
