// SPDX-License-Identifier: Apache-2.0
//
// TopReader: asks a server for a TopReading, without waiting for it.
//
// Threads: one thread, which polls ready(). The answers come on gRPC's threads.
// Life:    the destructor cancels what is asked, and waits until it is.
// Example: reader.Ask();
//          poll({reader.ready(), POLLIN}, ...);
//          if (auto reading = reader.Take()) ...
#ifndef PINION_CLIENT_CLI_TOP_READER_H_
#define PINION_CLIENT_CLI_TOP_READER_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "pinion/client/cli/top_page.h"
#include "pinion/client/client.h"
#include "pinion/core/base/mutex.h"

namespace pinion::cli {

class TopReader {
 public:
  // `admin`: as AdminTarget() takes it. The server is found at each Ask() after
  // a failed one, since one that was started again may be elsewhere.
  TopReader(std::string admin, absl::Duration timeout);
  ~TopReader();
  TopReader(const TopReader&) = delete;
  TopReader& operator=(const TopReader&) = delete;

  // Starts a reading, unless one is open.
  void Ask();

  // The descriptor that can be read when Take() has something.
  int ready() const { return ready_; }

  // What came of Ask(), once; none yet.
  std::optional<absl::StatusOr<TopReading>> Take();

 private:
  // A reading of two answers.
  struct Open {
    TopReading reading = {};
    absl::Status status = {};  // The first error.
    int missing = 2;
  };

  absl::Status Connect();
  template <typename Response>
  void Arrive(const absl::StatusOr<Response>& response,
              Response TopReading::*into);

  // Fixed at construction.
  const std::string admin_;
  const absl::Duration timeout_;
  const int ready_;

  // The caller's thread alone.
  bool is_open_ = false;

  Mutex mutex_;
  Open open_ ABSL_GUARDED_BY(mutex_);

  // The last: its callbacks use the rest. Null: not connected.
  std::unique_ptr<Client> client_;
};

}  // namespace pinion::cli

#endif  // PINION_CLIENT_CLI_TOP_READER_H_
