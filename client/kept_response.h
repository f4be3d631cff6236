// SPDX-License-Identifier: Apache-2.0
//
// GiveResponse: parses the response of a call and gives it to its callback, in
//               a message whose memory the thread's next response uses again.
//
// Threads: any thread; each has a message of its own for each type.
// Why:     a message of strings allocates each of them. One that is parsed into
//          again keeps their memory.
// Life:    a callback that wants the message beyond its return takes or moves
//          it; the next response then gets new memory. What the message held is
//          cleared before the next response is parsed, and a message of more
//          than 64 KiB is freed when its callback has returned.
// Example: GiveResponse<PutResponse>(reply, done);
#ifndef PINION_CLIENT_KEPT_RESPONSE_H_
#define PINION_CLIENT_KEPT_RESPONSE_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/client/call_options.h"

namespace pinion::client_internal {

// What the serialized response says, in `response`, or why it says nothing.
template <typename Response>
void ParseResponse(absl::string_view serialized,
                   absl::StatusOr<Response>& response) {
  if (!response.ok()) response.emplace();
  if (response->ParseFromArray(serialized.data(),
                               static_cast<int>(serialized.size()))) {
    return;
  }
  response =
      absl::InternalError(absl::StrCat("the response cannot be decoded as a ",
                                       Response::descriptor()->full_name()));
}

template <typename Response>
absl::StatusOr<Response> ResponseOf(const Reply& reply) {
  if (!reply.status.ok()) return reply.status;
  absl::StatusOr<Response> response(absl::in_place);
  ParseResponse(reply.response, response);
  return response;
}

// A thread's message of a type.
template <typename Response>
class KeptResponse {
 public:
  // A response that a callback may move from. While it exists, the message
  // belongs to that callback, and Of() finds none.
  class Lease {
   public:
    explicit Lease(KeptResponse& kept) : kept_(kept) { kept.leased_ = true; }
    ~Lease() { kept_.leased_ = false; }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

   private:
    KeptResponse& kept_;
  };

  // This thread's; null: one of its callbacks has it, within which this one
  // runs.
  static KeptResponse* Mine() {
    static thread_local KeptResponse mine;
    return mine.leased_ ? nullptr : &mine;
  }

  absl::StatusOr<Response>& response() { return response_; }

  // Frees the message if it has grown too large to be kept, by a response of
  // `size` bytes or by those before.
  void Trim(size_t size) {
    if (size < kSmall && ++uses_ % kUses != 0) return;
    if (response_.ok() && response_->SpaceUsedLong() > kMaxKept) {
      response_.emplace();
    }
  }

 private:
  static constexpr size_t kMaxKept = 64 << 10;
  // To find out how large a message is takes as long as a small response does.
  // Small responses of different shapes may make it large together, but slowly.
  static constexpr size_t kSmall = 1024;
  static constexpr uint32_t kUses = 64;

  absl::StatusOr<Response> response_{absl::in_place};
  uint32_t uses_ = 0;
  bool leased_ = false;
};

// `done` takes an absl::StatusOr<Response>, by value or by reference.
template <typename Response, typename Done>
void GiveResponse(const Reply& reply, Done& done) {
  KeptResponse<Response>* const kept =
      reply.status.ok() ? KeptResponse<Response>::Mine() : nullptr;
  if (kept == nullptr) {
    done(ResponseOf<Response>(reply));
    return;
  }
  {
    const typename KeptResponse<Response>::Lease lease(*kept);
    ParseResponse(reply.response, kept->response());
    done(std::move(kept->response()));
  }
  kept->Trim(reply.response.size());
}

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_KEPT_RESPONSE_H_
