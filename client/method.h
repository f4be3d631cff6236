// SPDX-License-Identifier: Apache-2.0
//
// Method: the name of a service's method with the types of its messages, so
//         that a call cannot mix them up.
// StreamMethod: the same, of a server-streaming method.
//
// Threads: constants; any thread.
// Example: inline constexpr Method<PutRequest, PutResponse> kPut(
//              "/pinion.kv.v1.KvService/Put");
//          absl::StatusOr<PutResponse> put = client.Call(kPut, request);
#ifndef PINION_CLIENT_METHOD_H_
#define PINION_CLIENT_METHOD_H_

#include "absl/strings/string_view.h"

namespace pinion {

template <typename Request, typename Response>
class Method {
 public:
  // `name` is "/package.Service/Method"; it must outlive the constant.
  explicit constexpr Method(absl::string_view name) : name_(name) {}

  constexpr absl::string_view name() const { return name_; }

 private:
  absl::string_view name_;
};

template <typename Request, typename Response>
class StreamMethod {
 public:
  explicit constexpr StreamMethod(absl::string_view name) : name_(name) {}

  constexpr absl::string_view name() const { return name_; }

 private:
  absl::string_view name_;
};

}  // namespace pinion

#endif  // PINION_CLIENT_METHOD_H_
