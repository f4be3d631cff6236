// SPDX-License-Identifier: Apache-2.0
//
// CallContext: what a handler may know of its call beside the request.
//
// Threads: the handler's, while it runs.
// Example: absl::Status Add(const AddRequest& request, AddResponse* response,
//                           CallContext& context);
#ifndef PINION_SERVER_CALL_CONTEXT_H_
#define PINION_SERVER_CALL_CONTEXT_H_

namespace pinion {

class CallContext {
 public:
  explicit CallContext(int worker) : worker_(worker) {}

  // The worker that runs the call, from 0.
  int worker() const { return worker_; }

 private:
  const int worker_;
};

}  // namespace pinion

#endif  // PINION_SERVER_CALL_CONTEXT_H_
