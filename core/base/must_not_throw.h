// SPDX-License-Identifier: Apache-2.0
//
// MustNotThrow: runs other people's code on a worker, and ends the program if
//               that throws an exception.
//
// Threads: any thread; the function runs in place.
// Why:     nobody else knows what such a function has left undone: items that
//          it took would be neither handled nor handed back, and whoever waits
//          for them would wait forever. So the function must handle its own
//          exceptions, as hosted handlers do through server/internal/guarded.h.
// Cost:    none while nothing is thrown.
// Without exceptions: in such a build (--config=no-exceptions), this is a plain
//                     call. Our own code cannot throw then, and an exception
//                     from a library ends the program in std::terminate().
// Example: MustNotThrow([&] { return task.name(); }, [&] { task.Run(); });
#ifndef PINION_CORE_BASE_MUST_NOT_THROW_H_
#define PINION_CORE_BASE_MUST_NOT_THROW_H_

#include <exception>

#include "absl/base/config.h"
#include "pinion/core/base/check.h"

namespace pinion {

// `who` returns the name of the code to blame; called only then.
template <typename Who, typename Function>
void MustNotThrow([[maybe_unused]] const Who& who, const Function& function) {
#ifdef ABSL_HAVE_EXCEPTIONS
  try {
    function();
  } catch (const std::exception& thrown) {
    PINION_CHECK(false, who(), " threw an exception: ", thrown.what(),
                 "; catch it there");
  } catch (...) {
    PINION_CHECK(false, who(),
                 " threw something that is not a std::exception; catch it "
                 "there");
  }
#else
  function();
#endif
}

}  // namespace pinion

#endif  // PINION_CORE_BASE_MUST_NOT_THROW_H_
