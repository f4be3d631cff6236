// SPDX-License-Identifier: Apache-2.0
//
// SharedMessage: one serialized message for many streams. It is stored once,
//                however many streams have it pending.
//
// Threads: its holder's; other threads may hold copies, which share the bytes.
// Counts:  while any stream has it pending, once for the server
//          (HostingOptions::server_bytes), once in the share of each client
//          with such a stream, and once for each such stream
//          (HostingOptions::stream_bytes).
// Example: const SharedMessageOf<WatchResponse> news(response);
//          for (auto& stream : streams) Look(stream.Send(news));
#ifndef PINION_SERVER_INTERNAL_SHARED_MESSAGE_H_
#define PINION_SERVER_INTERNAL_SHARED_MESSAGE_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "pinion/core/base/mutex.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/internal/credit.h"
#include "pinion/server/internal/holding.h"
#include "pinion/server/internal/payload.h"

namespace pinion {

class SharedMessage {
 public:
  explicit SharedMessage(const google::protobuf::Message& message);

  absl::string_view bytes() const { return shared_->payload.view(); }
  size_t size() const { return shared_->payload.size(); }

  // The rest is for Pinion only.

  // Counts one more stream that has it pending, of the client that holds
  // `party`; null: of a client that shares no limit. Unless the result is
  // kGranted it is not counted: `credit`, the server's, or the client's share
  // of it has no room. Any thread may call both.
  Credit::Grant BeginPending(Credit& credit, Holding* party) const;
  void EndPending(Credit& credit, Holding* party) const;

  // The same bytes for gRPC, copied only if they are few.
  grpc::Slice ToSlice() const;

 private:
  struct Shared {
    explicit Shared(size_t size) : payload(size) {}

    Payload payload;  // Fixed after serializing.

    Mutex mutex;
    // The server for which it counts once; null before the first stream.
    Credit* payer ABSL_GUARDED_BY(mutex) = nullptr;
    // How many streams have the message pending: all of the server's, and those
    // of each client. The key is the address of the client's Holding.
    int64_t pending ABSL_GUARDED_BY(mutex) = 0;
    HashMap<uintptr_t, int64_t> pending_of ABSL_GUARDED_BY(mutex);
  };

  std::shared_ptr<Shared> shared_;
};

// A message for a Stream<Response>.
template <typename Response>
class SharedMessageOf final : public SharedMessage {
 public:
  explicit SharedMessageOf(const Response& response)
      : SharedMessage(response) {}
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_SHARED_MESSAGE_H_
