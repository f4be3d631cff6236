// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/internal/client_token.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "pinion/client/failure.h"
#include "pinion/v1/failure.pb.h"

namespace pinion::client_internal {
namespace {

constexpr char kAuthorization[] = "authorization";
constexpr int64_t kSecond = 1'000'000'000;

// What gRPC sends as metadata, and a JWT consists of.
bool IsToken(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c < 0x7f;
  });
}

absl::StatusOr<std::string> Ask(const TokenSource& source) {
  absl::StatusOr<std::string> token = source();
  if (!token.ok()) {
    return Failed(absl::UnauthenticatedError(absl::StrCat(
                      "the client has no token: ", token.status().message())),
                  v1::REASON_UNAUTHENTICATED, v1::EXECUTED_NO);
  }
  if (IsToken(*token)) return token;
  return Failed(
      absl::UnauthenticatedError(
          "what ClientOptions::token_source gives is no token: it is empty, or "
          "has other than printable ASCII characters"),
      v1::REASON_UNAUTHENTICATED, v1::EXECUTED_NO);
}

}  // namespace

ClientToken::ClientToken(const ClientOptions& options)
    : source_(options.token_source),
      refresh_nanos_(absl::ToInt64Nanoseconds(options.token_refresh)) {}

absl::StatusOr<std::string> ClientToken::Get() {
  std::string before;
  {
    MutexLock lock(mutex_);
    if (!token_.empty() && !due()) return token_;
    before = token_;
    const int64_t now = Now();
    asked_.store(now, std::memory_order_relaxed);
    // Others use the one of before meanwhile.
    due_.store(now + refresh_nanos_, std::memory_order_relaxed);
  }
  absl::StatusOr<std::string> token = Ask(source_);
  if (!token.ok()) {
    // Soon again: the old one may end.
    due_.store(Now() + std::min(refresh_nanos_, kSecond),
               std::memory_order_relaxed);
    if (before.empty()) return token.status();
    return before;
  }
  MutexLock lock(mutex_);
  token_ = *token;
  return token;
}

void ClientToken::Refused() {
  const int64_t soon = asked_.load(std::memory_order_relaxed) + kSecond;
  if (soon < due_.load(std::memory_order_relaxed)) {
    due_.store(soon, std::memory_order_relaxed);
  }
}

absl::Status ClientToken::AddTo(const CallOptions& options,
                                grpc::ClientContext& context) {
  if (!exists()) return absl::OkStatus();
  for (const auto& [name, value] : options.metadata) {
    if (name == kAuthorization) return absl::OkStatus();
  }
  absl::StatusOr<std::string> token = Get();
  if (!token.ok()) return token.status();
  context.AddMetadata(kAuthorization, absl::StrCat("Bearer ", *token));
  return absl::OkStatus();
}

}  // namespace pinion::client_internal
