// SPDX-License-Identifier: Apache-2.0
//
// WhyDropped: while it exists, the error for a Call that is dropped on this
//             thread.
//
// Threads: made and destroyed on one thread, the innermost first.
// Example: const WhyDropped why(absl::InternalError("..."));
//          function = nullptr;  // With the Calls that it has captured.
#ifndef PINION_SERVER_INTERNAL_WHY_DROPPED_H_
#define PINION_SERVER_INTERNAL_WHY_DROPPED_H_

#include <utility>

#include "absl/status/status.h"

namespace pinion {

class WhyDropped {
 public:
  // `status`, an error, must outlive it.
  explicit WhyDropped(const absl::Status& status)
      : outer_(std::exchange(current_, &status)) {}
  ~WhyDropped() { current_ = outer_; }
  WhyDropped(const WhyDropped&) = delete;
  WhyDropped& operator=(const WhyDropped&) = delete;

  // Null: there is no other reason than the drop.
  static const absl::Status* Current() { return current_; }

 private:
  static inline thread_local const absl::Status* current_ = nullptr;

  const absl::Status* const outer_;
};

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_WHY_DROPPED_H_
