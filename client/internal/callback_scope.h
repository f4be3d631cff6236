// SPDX-License-Identifier: Apache-2.0
//
// CallbackScope: knows whether this thread runs a callback of an owner's calls.
//                If the owner then waited for its callbacks, it would wait
//                forever.
//
// Threads: each thread knows only about itself.
// Example: { const CallbackScope scope(this); call.done(reply); }
//          ...
//          CallbackScope::AbortIfWithin(this);  // In the destructor.
#ifndef PINION_CLIENT_INTERNAL_CALLBACK_SCOPE_H_
#define PINION_CLIENT_INTERNAL_CALLBACK_SCOPE_H_

#include <cstdio>
#include <cstdlib>

namespace pinion::client_internal {

class CallbackScope {
 public:
  explicit CallbackScope(const void* owner) : owner_(owner), outer_(innermost) {
    innermost = this;
  }
  ~CallbackScope() { innermost = outer_; }
  CallbackScope(const CallbackScope&) = delete;
  CallbackScope& operator=(const CallbackScope&) = delete;

  // Ends the program, with the reason, if this thread runs a callback of
  // `owner`, which is about to wait until all of them have returned.
  static void AbortIfWithin(const void* owner) {
    for (const CallbackScope* scope = innermost; scope != nullptr;
         scope = scope->outer_) {
      if (scope->owner_ != owner) continue;
      std::fputs(
          "pinion: a Client is destroyed by a callback of one of its calls, "
          "which it would wait for; destroy it elsewhere\n",
          stderr);
      std::abort();
    }
  }

 private:
  static inline thread_local const CallbackScope* innermost = nullptr;

  const void* const owner_;
  const CallbackScope* const outer_;
};

}  // namespace pinion::client_internal

#endif  // PINION_CLIENT_INTERNAL_CALLBACK_SCOPE_H_
