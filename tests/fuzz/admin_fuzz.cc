// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as what a client sends on the admin socket. The first byte says
// whether HTTP/2's preface stands before the rest. However the bytes are cut,
// the same methods must be called with the same requests; what is unsent must
// stay bounded; and a connection that is over must stay so. README.md tells how
// to run it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "pinion/core/fake_clock.h"
#include "pinion/server/admin/grpc_connection.h"

namespace pinion::testing {
namespace {

constexpr absl::string_view kPreface(
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    "\0\0\0\4\0\0\0\0\0",
    33);
constexpr size_t kFrame = 9 + 16 * 1024;

void Demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::abort();
}

// Gives `bytes` to a connection, `piece` at a time. Its client reads all.
std::vector<std::string> Give(absl::string_view bytes, size_t piece) {
  std::vector<std::string> calls;
  const FakeClock time;
  GrpcConnection connection(
      [&](absl::string_view path,
          absl::string_view request) -> absl::StatusOr<std::string> {
        Demand(request.size() <= GrpcConnection::kMostRequestBytes,
               "a request is bounded");
        calls.push_back(absl::StrCat(path, " ", request));
        if (absl::EndsWith(path, "Large")) return std::string(200'000, 'x');
        if (request.empty()) return absl::NotFoundError("\xff%");
        return std::string(request);
      },
      time.clock());
  while (!bytes.empty()) {
    const bool over = connection.over();
    const size_t before = calls.size();
    connection.Receive(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (absl::string_view unsent = connection.Unsent(); !unsent.empty();
         unsent = connection.Unsent()) {
      Demand(unsent.size() <= GrpcConnection::kUnsentBytes + kFrame,
             "what is unsent is bounded");
      connection.Sent(unsent.size());
    }
    if (connection.idle()) {
      Demand(!connection.overdue_at().has_value(),
             "nothing of an idle connection is late");
    }
    Demand(!over || (connection.over() && calls.size() == before),
           "what is over stays over");
  }
  return calls;
}

}  // namespace
}  // namespace pinion::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pinion::testing::Demand;
  using pinion::testing::Give;
  if (size == 0) return 0;
  const std::string bytes = absl::StrCat(
      data[0] % 2 == 0 ? pinion::testing::kPreface : absl::string_view(),
      absl::string_view(reinterpret_cast<const char*>(data + 1), size - 1));
  const auto by_ones = Give(bytes, 1);
  Demand(Give(bytes, 7) == by_ones,
         "the same calls come, however the bytes are cut");
  Give(bytes, bytes.size() + 1);
  return 0;
}
