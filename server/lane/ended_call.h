// SPDX-License-Identifier: Apache-2.0
//
// EndedCall: a claimed call and its answer, which may have to wait for the end
//            of the batch before it leaves.
//
// Threads: plain data; one thread at a time.
// Example: EndedCall ended = {.call = &call, .times = times, .batch = 1,
//                             .answer = std::move(answer),
//                             .room = std::move(room)};
//          ended.PrepareAnswer(max_response_bytes);
#ifndef PINION_SERVER_LANE_ENDED_CALL_H_
#define PINION_SERVER_LANE_ENDED_CALL_H_

#include <cstddef>
#include <cstdint>

#include "pinion/server/call/routed_call.h"
#include "pinion/server/internal/answer.h"
#include "pinion/server/internal/answer_room.h"
#include "pinion/server/lane/latencies.h"

namespace pinion {

struct EndedCall {
  // Completes the answer with the parts that the handler does not give. An
  // answer whose message would be larger than `max_response_bytes` becomes an
  // error that says so.
  void PrepareAnswer(int64_t max_response_bytes);

  RoutedCall* call;
  RunTimes times;
  size_t batch;  // How many calls were claimed with it, itself included.
  Answer answer;
  AnswerRoom room;
};

}  // namespace pinion

#endif  // PINION_SERVER_LANE_ENDED_CALL_H_
