// SPDX-License-Identifier: Apache-2.0
//
// recording_server: serves KvService/Increment, and writes the key of each call
// to a file before it does anything else; what it ran is known so, however it
// ends.
//
//   recording_server PORT FILE
//
// Says "listening" on standard output when it does. Exit code: the server's.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "pinion/kv/v1/kv.pb.h"
#include "pinion/server/server.h"

namespace {

class RecordingShard {
 public:
  explicit RecordingShard(int file) : file_(file) {}

  absl::Status Increment(const pinion::kv::v1::IncrementRequest& request,
                         pinion::kv::v1::IncrementResponse* response) {
    const std::string line = request.key() + "\n";
    // Whole, since the file is open for appending.
    if (write(file_, line.data(), line.size()) !=
        static_cast<ssize_t>(line.size())) {
      return absl::DataLossError("the record cannot be written");
    }
    response->set_value(request.by());
    return absl::OkStatus();
  }

 private:
  const int file_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: recording_server PORT FILE\n", stderr);
    return 2;
  }
  const int file = open(argv[2], O_WRONLY | O_APPEND | O_CREAT, 0600);
  if (file < 0) {
    std::perror(argv[2]);
    return 2;
  }
  pinion::Server server({.listen = absl::StrCat("127.0.0.1:", argv[1])});
  server
      .Host<RecordingShard>(
          "pinion.kv.v1.KvService",
          [file] { return std::make_unique<RecordingShard>(file); })
      .On("Increment", &RecordingShard::Increment);
  const absl::Status started = server.Start();
  if (!started.ok()) {
    std::fprintf(stderr, "%s\n", started.ToString().c_str());
    return 1;
  }
  std::printf("%s\n", server.address().c_str());
  std::fflush(stdout);
  for (;;) pause();
}
