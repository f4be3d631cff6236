// SPDX-License-Identifier: Apache-2.0
//
// Guarded: runs what its author may have written to throw, and tells what it
//          threw as a status.
//
// Threads: anyone; the function runs in place.
// Errors:  what the function returns; INTERNAL with the text of what it threw.
//          Where the program is built without exceptions nothing can be thrown,
//          and this is a plain call.
// Example: absl::Status status =
//              Guarded("the handler", [&] { return handler(request); });
#ifndef PINION_SERVER_GUARDED_H_
#define PINION_SERVER_GUARDED_H_

#include <exception>
#include <utility>

#include "absl/base/config.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace pinion {

// `function` returns what an absl::Status converts to; `who` it is stands in
// the error.
template <typename Function>
auto Guarded([[maybe_unused]] absl::string_view who, Function&& function)
    -> decltype(function()) {
#ifdef ABSL_HAVE_EXCEPTIONS
  try {
    return function();
  } catch (const std::exception& thrown) {
    return absl::InternalError(
        absl::StrCat(who, " threw an exception: ", thrown.what()));
  } catch (...) {
    return absl::InternalError(
        absl::StrCat(who, " threw something that is not a std::exception"));
  }
#else
  return function();
#endif
}

}  // namespace pinion

#endif  // PINION_SERVER_GUARDED_H_
