// SPDX-License-Identifier: Apache-2.0
//
// Any bytes as what a client does on a session of a real server: it sends calls
// with few ids, cancels, names of methods and garbage, says that it has said
// all, or breaks the stream. Each call must get exactly one answer, or the
// stream end; and then the server holds nothing, and its account adds up.
// README.md tells how to run it.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/server/snapshot.h"
#include "pinion/tests/support/lane_test.h"
#include "pinion/tests/support/session_client.h"
#include "pinion/tests/support/test_server.h"
#include "pinion/v1/session.pb.h"

namespace pinion::testing {
namespace {

void Demand(bool holds, absl::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", std::string(what).c_str());
  std::abort();
}

// A server with little room, so that an input of some bytes finds its bounds.
class World {
 public:
  static World& Get() {
    static auto* const world = new World;  // Until the program ends.
    return *world;
  }

  const GuardedChannel& channel(bool tcp) const { return channels_[tcp]; }

  void AwaitRest() {
    ServerSnapshot snapshot = server_.server().Snapshot();
    while (snapshot.held_calls != 0 || snapshot.held_bytes != 0 ||
           !AllAnswered(snapshot)) {
      std::this_thread::yield();
      snapshot = server_.server().Snapshot();
    }
    const absl::Status at_rest = CheckAtRest(snapshot);
    Demand(at_rest.ok(), at_rest.message());
  }

 private:
  World() {
    // What the client finds wrong ends the program.
    GTEST_FLAG_SET(break_on_failure, true);
    HostAdd(server_.server(), handler_);
    server_.Start();
    channels_[0] = server_.InProcessChannel();
    channels_[1] = server_.TcpChannel();
  }

  static bool AllAnswered(const ServerSnapshot& snapshot) {
    for (const LaneSnapshot& lane : snapshot.lanes) {
      if (lane.counts.accepted != lane.counts.answered()) return false;
    }
    return true;
  }

  const AddShard::Handler handler_ = [](const auto& request, auto* response,
                                        CallContext& context) {
    response->set_value(request.by());
    if (request.by() % 3 == 1) {
      (void)context.AddTrailingMetadata("a-bin", request.name());
    }
    return request.by() % 5 == 4 ? absl::AbortedError("as asked")
                                 : absl::OkStatus();
  };
  TestServer server_{{.workers = 1,
                      .lane_calls = 8,
                      .session_calls = 12,
                      .max_message_bytes = 1024}};
  std::array<GuardedChannel, 2> channels_;
};

// What one input does.
class Story {
 public:
  Story(const uint8_t* data, size_t size)
      : left_(reinterpret_cast<const char*>(data), size),
        session_(World::Get().channel(Next() % 2 == 1)) {}

  void Play() {
    while (!left_.empty() && !over_) Act(Next());
    SendPending();
    if (!broken_) session_.EndSends();
    const absl::Status end = session_.AwaitEnd();
    CheckAnswers(end);
  }

 private:
  uint8_t Next() {
    if (left_.empty()) return 0;
    const auto next = static_cast<uint8_t>(left_.front());
    left_.remove_prefix(1);
    return next;
  }

  void Act(uint8_t what) {
    switch (what % 16) {
      case 8:
        pending_.add_cancel(Next() % 8);
        break;
      case 9:
        AddName();
        break;
      case 10:
      case 11:
        SendPending();
        break;
      case 12:
        SendGarbage();
        break;
      case 13:
        if (certain_) session_.AwaitAnswers(sent_);
        break;
      case 14:
        over_ = true;
        break;
      case 15:
        if (what < 0xf0) break;  // Not so often.
        session_.Break();
        over_ = broken_ = true;
        certain_ = false;
        break;
      default:
        AddCall();
    }
  }

  void AddCall() {
    v1::SessionCall* const call = pending_.add_calls();
    call->set_id(Next() % 8);
    const uint8_t what = Next();
    if (what % 4 == 0) {
      call->set_method_index(1 + what / 4 % 3);
    } else if (what % 4 == 1) {
      call->set_method("/none");
    } else {
      call->set_method(kAdd);
    }
    const uint8_t key = Next();
    call->set_payload(key == 255 ? std::string("\xff\xff")
                                 : AddOf(std::string(key % 4, 'k'), key));
    const uint8_t rest = Next();
    if (rest & 1) call->set_timeout_us(rest);
    if (rest & 2) call->set_priority(static_cast<v1::Priority>(rest >> 4));
    if (rest & 4) call->set_want_timing(true);
    if (rest & 8) call->set_worker(rest >> 6);
  }

  void AddName() {
    v1::MethodName* const name = pending_.add_methods();
    name->set_index(Next() % 4 == 0 ? 1024 : 1);
    name->set_name(Next() % 4 == 0 ? "/none" : kAdd);
  }

  void SendPending() {
    // More would be too large a message.
    while (pending_.calls_size() > 10) pending_.mutable_calls()->RemoveLast();
    while (pending_.methods_size() > 5) {
      pending_.mutable_methods()->RemoveLast();
    }
    if (pending_.cancel_size() > 50) pending_.mutable_cancel()->Truncate(50);
    Count(pending_);
    session_.Send(std::exchange(pending_, {}));
  }

  // What protobuf reads are calls like others; of the rest, all that is known
  // is that the stream ends somehow.
  void SendGarbage() {
    const size_t size = std::min<size_t>(Next(), left_.size());
    const std::string bytes(left_.substr(0, size));
    left_.remove_prefix(size);
    v1::OpenRequest request;
    if (request.ParseFromString(bytes)) {
      for (const v1::MethodName& name : request.methods()) {
        if (name.index() < 1 || name.index() > 1024) certain_ = false;
      }
    } else {
      certain_ = false;
    }
    Count(request);
    session_.SendBytes(bytes);
  }

  void Count(const v1::OpenRequest& request) {
    if (certain_) sent_ += request.calls_size();
    for (const v1::SessionCall& call : request.calls()) ++calls_[call.id()];
  }

  void CheckAnswers(const absl::Status& end) {
    if (!certain_) return;
    Demand(end.ok(),
           absl::StrCat("a session ends well, but: ", end.ToString()));
    Demand(session_.answers_come() == sent_, "each call has an answer");
    for (const auto& [id, count] : calls_) {
      for (int i = 0; i < count; ++i) {
        Demand(session_.Poll(id).has_value(), "of each id as many as calls");
      }
      Demand(!session_.Poll(id).has_value(), "and no more");
    }
  }

  absl::string_view left_;
  SessionClient session_;
  v1::OpenRequest pending_;
  std::map<uint64_t, int> calls_;
  uint64_t sent_ = 0;
  bool over_ = false;    // The client says no more.
  bool broken_ = false;  // It broke the stream.
  bool certain_ = true;  // The stream must end well.
};

}  // namespace
}  // namespace pinion::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using pinion::testing::Story;
  using pinion::testing::World;
  Story(data, size).Play();
  World::Get().AwaitRest();
  return 0;
}
