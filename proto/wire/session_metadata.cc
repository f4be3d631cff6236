// SPDX-License-Identifier: Apache-2.0
#include "pinion/proto/wire/session_metadata.h"

#include "pinion/proto/wire/session_tags.h"
#include "pinion/proto/wire/wire_writer.h"

namespace pinion {
namespace {

bool ReadMetadata(WireCursor* cursor, MetadataView* metadata) {
  *metadata = {};
  return cursor->ReadMessage(WireCursor::kMaxDepth, [&](uint32_t tag) {
    switch (tag) {
      case session_tags::kMetadataName:
        return cursor->ReadBytes(&metadata->name);
      case session_tags::kMetadataValue:
        return cursor->ReadBytes(&metadata->value);
      default:
        return cursor->Skip(tag, WireCursor::kMaxDepth);
    }
  });
}

size_t SizeOf(const MetadataView& metadata) {
  return BytesFieldSize(metadata.name) + BytesFieldSize(metadata.value);
}

}  // namespace

bool MetadataReader::Next(MetadataView* metadata) {
  uint32_t tag;
  while (!cursor_.AtEnd() && cursor_.ReadTag(&tag)) {
    if (tag == tag_) return ReadMetadata(&cursor_, metadata);
    if (!cursor_.Skip(tag, WireCursor::kMaxDepth)) return false;
  }
  return false;
}

size_t MetadataSize(absl::Span<const MetadataView> metadata) {
  size_t size = 0;
  for (const MetadataView& each : metadata) {
    size += MessageFieldSize(SizeOf(each));
  }
  return size;
}

uint8_t* WriteMetadata(uint32_t tag, absl::Span<const MetadataView> metadata,
                       uint8_t* at) {
  for (const MetadataView& each : metadata) {
    at = BeginMessageField(tag, SizeOf(each), at);
    at = WriteTextField(session_tags::kMetadataName, each.name, at);
    at = WriteBytesField(session_tags::kMetadataValue, each.value, at);
  }
  return at;
}

}  // namespace pinion
