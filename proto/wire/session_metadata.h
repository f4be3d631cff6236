// SPDX-License-Identifier: Apache-2.0
//
// The metadata of a session's call or answer, read entry by entry as views, and
// written from views.
//
// Threads: plain functions; one thread at a time per reader.
// Example: MetadataReader reader = call.metadata();
//          MetadataView metadata;
//          while (reader.Next(&metadata)) Use(metadata.name, metadata.value);
#ifndef PINION_PROTO_WIRE_SESSION_METADATA_H_
#define PINION_PROTO_WIRE_SESSION_METADATA_H_

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "pinion/proto/wire/wire_cursor.h"

namespace pinion {

struct MetadataView {
  absl::string_view name;
  absl::string_view value;
};

class MetadataReader {
 public:
  // Reads the fields with `tag` of `message`, which must be checked, and must
  // outlive the views.
  MetadataReader(absl::string_view message, uint32_t tag)
      : cursor_(message), tag_(tag) {}

  // False after the last one.
  bool Next(MetadataView* metadata);

 private:
  WireCursor cursor_;
  const uint32_t tag_;
};

// The number of bytes that WriteMetadata() writes.
size_t MetadataSize(absl::Span<const MetadataView> metadata);

// Writes each as a field with `tag`. Returns where it ended.
uint8_t* WriteMetadata(uint32_t tag, absl::Span<const MetadataView> metadata,
                       uint8_t* at);

}  // namespace pinion

#endif  // PINION_PROTO_WIRE_SESSION_METADATA_H_
