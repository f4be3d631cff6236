// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/trace_context.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace pinion {
namespace {

// 00-<32 digits>-<16 digits>-<2 digits>
constexpr size_t kBytesOfVersion00 = 55;
constexpr uint8_t kSampled = 0x01;

// The value of a digit; -1 if it is none, as upper-case ones are not.
int Digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

// Reads as many bytes as `bytes` has. False if one of the digits is none.
template <size_t kSize>
bool ReadHex(absl::string_view text, std::array<uint8_t, kSize>& bytes) {
  for (size_t i = 0; i < kSize; ++i) {
    const int high = Digit(text[2 * i]);
    const int low = Digit(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    bytes[i] = static_cast<uint8_t>(high << 4 | low);
  }
  return true;
}

template <size_t kSize>
bool IsZero(const std::array<uint8_t, kSize>& bytes) {
  return bytes == std::array<uint8_t, kSize>{};
}

template <size_t kSize>
std::string Hex(const std::array<uint8_t, kSize>& bytes) {
  return absl::BytesToHexString(absl::string_view(
      reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

bool MayBeCarriedOn(absl::string_view tracestate) {
  return tracestate.size() <= TraceContext::kMaxStateBytes &&
         std::all_of(tracestate.begin(), tracestate.end(),
                     [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::optional<TraceContext> TraceContext::Parse(absl::string_view traceparent,
                                                absl::string_view tracestate) {
  if (traceparent.size() < kBytesOfVersion00) return std::nullopt;
  if (traceparent[2] != '-' || traceparent[35] != '-' ||
      traceparent[52] != '-') {
    return std::nullopt;
  }
  std::array<uint8_t, 1> version;
  std::array<uint8_t, 1> flags;
  TraceContext context;
  if (!ReadHex(traceparent, version) ||
      !ReadHex(traceparent.substr(3), context.trace_id) ||
      !ReadHex(traceparent.substr(36), context.span_id) ||
      !ReadHex(traceparent.substr(53), flags)) {
    return std::nullopt;
  }
  if (version[0] == 0xff) return std::nullopt;
  if (traceparent.size() > kBytesOfVersion00 &&
      (version[0] == 0 || traceparent[kBytesOfVersion00] != '-')) {
    return std::nullopt;
  }
  if (IsZero(context.trace_id) || IsZero(context.span_id)) return std::nullopt;
  context.sampled = (flags[0] & kSampled) != 0;
  if (MayBeCarriedOn(tracestate)) context.tracestate = std::string(tracestate);
  return context;
}

std::string TraceContext::traceparent() const {
  return absl::StrCat("00-", Hex(trace_id), "-", Hex(span_id),
                      sampled ? "-01" : "-00");
}

}  // namespace pinion
