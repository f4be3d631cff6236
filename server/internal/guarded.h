// SPDX-License-Identifier: Apache-2.0
//
// Guarded: runs a function that may throw, and turns an exception into a
//          status.
//
// Threads: any thread; the function runs in place.
// Errors:  the function's own; INTERNAL with the text of an exception. If the
//          program is built without exceptions, nothing can throw, and this is
//          a plain call.
// Example: absl::Status status =
//              Guarded("the handler", [&] { return handler(request); });
#ifndef PINION_SERVER_INTERNAL_GUARDED_H_
#define PINION_SERVER_INTERNAL_GUARDED_H_

#include <exception>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/base/config.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pinion {

// `function` returns a type that converts to absl::Status. `who` names it in
// the error. Sets `threw`, if it is given, when it threw.
// Inlined, since each call of a handler goes through it.
template <typename Function>
ABSL_ATTRIBUTE_ALWAYS_INLINE inline auto Guarded(
    [[maybe_unused]] absl::string_view who, Function&& function,
    [[maybe_unused]] bool* threw = nullptr) -> decltype(function()) {
#ifdef ABSL_HAVE_EXCEPTIONS
  try {
    return function();
  } catch (const std::exception& thrown) {
    if (threw != nullptr) *threw = true;
    return absl::InternalError(
        absl::StrCat(who, " threw an exception: ", thrown.what()));
  } catch (...) {
    if (threw != nullptr) *threw = true;
    return absl::InternalError(
        absl::StrCat(who, " threw something that is not a std::exception"));
  }
#else
  return function();
#endif
}

}  // namespace pinion

#endif  // PINION_SERVER_INTERNAL_GUARDED_H_
