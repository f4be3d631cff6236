// SPDX-License-Identifier: Apache-2.0
//
// MetadataMeter: counts the metadata of one call, in a session or plain, and
//                compares it with its limit.
//
// Threads: plain data.
// Why:     gRPC has a limit as well, but above it gRPC 1.51 breaks the
//          connection, which other clients may share. So gRPC is told a higher
//          limit, and Pinion refuses calls above its own.
// Example: MetadataMeter meter;
//          if (!meter.Add(name, value)) return refusals::TooMuchMetadata();
#ifndef PINION_SERVER_CALL_METADATA_METER_H_
#define PINION_SERVER_CALL_METADATA_METER_H_

#include <grpcpp/server_context.h>

#include <cstddef>

#include "absl/strings/string_view.h"

namespace pinion {

class MetadataMeter {
 public:
  // Room for tokens: twice gRPC's own default.
  static constexpr size_t kMaxBytes = 16 << 10;
  // What an entry counts beside its name and value, as in HTTP/2.
  static constexpr size_t kEntryBytes = 32;
  // Where gRPC's bound stands: far above, so that no client but a hostile one
  // comes there.
  static constexpr int kGrpcMostBytes = 128 << 10;

  // Counts one more entry. Returns whether a call may have all that it has.
  bool Add(absl::string_view name, absl::string_view value) {
    bytes_ += kEntryBytes + name.size() + value.size();
    return !has_too_much();
  }

  // What was counted.
  size_t bytes() const { return bytes_; }
  // Whether it is more than a call may have.
  bool has_too_much() const { return bytes_ > kMaxBytes; }

 private:
  size_t bytes_ = 0;
};

// Counts what the client of a call, or of a session, sent with it, until it is
// too much.
MetadataMeter MeterOf(const grpc::ServerContextBase& context);

}  // namespace pinion

#endif  // PINION_SERVER_CALL_METADATA_METER_H_
