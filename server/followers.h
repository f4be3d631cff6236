// SPDX-License-Identifier: Apache-2.0
//
// Followers: the open streams of one shard, and publishing to them by topic.
//
// Threads: the shard's worker only.
// Order:   each follower gets, in order, every message that is published on its
//          topic after it was added.
// Cost:    a message is serialized once, however many followers there are, and
//          not at all without followers. The first 64 followers get it at once.
//          The others get it in portions of 64, by background work of the
//          shard, so the worker's other calls run in between.
// Slow:    a follower whose client takes too little either ends or skips to the
//          latest message: see WhenSlow.
// Gone:    a follower whose client is gone or whose deadline has passed is
//          removed at once, even if nothing is published.
// Stop:    when the server's stop begins, all followers end with UNAVAILABLE.
// Life:    the shard's.
// Bound:   at most as many followers as the lane may have open streams
//          (HostingOptions::lane_streams), and at most 8 messages that some
//          followers have not got yet. A Publish() beyond that first sends the
//          oldest message to its remaining followers.
// Example: class Board {
//           public:
//            explicit Board(const ShardInfo& info) : readers_(info) {}
//            void Read(const ReadRequest& request, Stream<Note> stream) {
//              readers_.Add(request.topic(), std::move(stream));
//            }
//            absl::Status Write(const WriteRequest& request, WriteResponse*) {
//              readers_.Publish(request.topic(), request.note());
//              return absl::OkStatus();
//            }
//           private:
//            Followers<Note> readers_;
//          };
#ifndef PINION_SERVER_FOLLOWERS_H_
#define PINION_SERVER_FOLLOWERS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "pinion/core/task.h"
#include "pinion/proto/wire/process_hash.h"
#include "pinion/server/internal/shared_message.h"
#include "pinion/server/shard_info.h"
#include "pinion/server/stream.h"

namespace pinion {

// What happens to a follower whose client takes too little.
enum class WhenSlow {
  // The follower ends with RESOURCE_EXHAUSTED once a message does not fit. It
  // has got all messages before that one, and its client may come again for the
  // rest. For news of which no message may be missing.
  kEnd,
  // The follower gets only the latest message once there is room again. For
  // news that describe the present state.
  kSkipToLatest,
};

struct FollowersOptions {
  WhenSlow when_slow = WhenSlow::kEnd;
  // The class of the background work. kBulk lets all calls of the worker go
  // first.
  TaskClass task_class = TaskClass::kNormal;
};

template <typename Response>
class Followers {
 public:
  using Message = SharedMessageOf<Response>;

  explicit Followers(const ShardInfo& info,
                     const FollowersOptions& options = {})
      : info_(info), options_(options) {}
  Followers(const Followers&) = delete;
  Followers& operator=(const Followers&) = delete;

  // Adds `stream` as a follower of `topic`. The stream must not have an
  // OnChange() function yet.
  void Add(absl::string_view topic, Stream<Response> stream) {
    std::unique_ptr<Topic>& followed = topics_[topic];
    if (followed == nullptr) followed.reset(new Topic{std::string(topic), {}});
    List& list = followed->followers;
    list.push_back({.topic = followed.get(),
                    .stream = std::move(stream),
                    .since = last_number_});
    const auto added = std::prev(list.end());
    ++size_;
    added->stream.OnChange([this, added] { OnChange(added); });
  }

  // The same, after sending `first`, which describes the present state.
  void Add(absl::string_view topic, Stream<Response> stream,
           const Response& first) {
    absl::Status sent = stream.Send(first);
    if (!sent.ok()) return stream.Finish(std::move(sent));
    Add(topic, std::move(stream));
  }

  // Sends `response` to the present followers of `topic`.
  void Publish(absl::string_view topic, const Response& response) {
    const auto followed = topics_.find(topic);
    if (followed == topics_.end()) return;
    news_.push_back({.topic = followed->second.get(),
                     .message = Message(response),
                     .number = ++last_number_});
    if (news_.size() == 1) {
      Begin();
      TellPortion();
    }
    while (news_.size() > kMaxNews) TellPortion();
    PostTheRest();
  }

  // Whether `topic` has followers; and the number of all followers.
  bool Follows(absl::string_view topic) const {
    return topics_.contains(topic);
  }
  size_t size() const { return size_; }

 private:
  // Sending to one follower takes about 1 us, whatever the size.
  static constexpr int kPortion = 64;
  static constexpr size_t kMaxNews = 8;

  struct Follower;
  using List = std::list<Follower>;
  struct Topic {
    const std::string name;
    List followers;
  };
  struct Follower {
    Topic* topic;
    Stream<Response> stream;
    uint64_t since;  // It gets later messages only.
    std::optional<Message> owed = {};
  };
  struct News {
    Topic* topic;
    Message message;
    uint64_t number;
  };

  // Moves to the oldest message, if there is one.
  void Begin() {
    if (!news_.empty()) next_ = news_.front().topic->followers.begin();
  }

  // Sends the oldest messages to one portion of followers.
  void TellPortion() {
    for (int told = 0; told < kPortion && !news_.empty();) {
      if (next_ == news_.front().topic->followers.end()) {
        news_.pop_front();
        Begin();
        continue;
      }
      const auto follower = next_++;
      if (!Tell(*follower, news_.front())) Remove(follower);
      ++told;
    }
  }

  void PostTheRest() {
    if (news_.empty() || posted_) return;
    posted_ = true;
    info_.Post(options_.task_class, [this] {
      posted_ = false;
      TellPortion();
      PostTheRest();
    });
  }

  // The next three return false if they have ended the stream, which must then
  // be removed.

  bool Tell(Follower& follower, const News& news) {
    if (follower.since >= news.number) return true;
    if (options_.when_slow == WhenSlow::kSkipToLatest) {
      follower.owed.reset();  // It is older, and is skipped.
      if (!follower.stream.writable()) {
        follower.owed = news.message;
        return true;
      }
    }
    return Send(follower, news.message);
  }

  bool Send(Follower& follower, const Message& message) {
    absl::Status sent = follower.stream.Send(message);
    if (sent.ok()) return true;
    follower.stream.Finish(std::move(sent));
    return false;
  }

  bool GoOn(Follower& follower) {
    if (follower.stream.cancelled()) return false;
    if (follower.stream.stopping()) {
      follower.stream.Finish(
          absl::UnavailableError("the server is stopping; open the stream on "
                                 "another server"));
      return false;
    }
    if (!follower.owed.has_value() || !follower.stream.writable()) return true;
    return Send(follower, *std::exchange(follower.owed, std::nullopt));
  }

  // Called when the stream has become writable, cancelled or stopping.
  void OnChange(typename List::iterator follower) {
    if (!GoOn(*follower)) Remove(follower);
  }

  void Remove(typename List::iterator follower) {
    Topic& topic = *follower->topic;
    const bool is_next = !news_.empty() && next_ == follower;
    const auto after = topic.followers.erase(follower);
    if (is_next) next_ = after;
    --size_;
    if (topic.followers.empty()) RemoveTopic(topic);
  }

  void RemoveTopic(Topic& topic) {
    const bool turns = !news_.empty() && news_.front().topic == &topic;
    std::erase_if(news_,
                  [&](const News& news) { return news.topic == &topic; });
    if (turns) Begin();
    topics_.erase(topics_.find(topic.name));
  }

  const ShardInfo& info_;
  const FollowersOptions options_;

  // No topic is without followers.
  HashMap<std::string, std::unique_ptr<Topic>> topics_;
  size_t size_ = 0;
  // The messages that some followers have not got, oldest first; and the next
  // follower to get the first of them.
  std::deque<News> news_;
  typename List::iterator next_;
  uint64_t last_number_ = 0;
  bool posted_ = false;
};

}  // namespace pinion

#endif  // PINION_SERVER_FOLLOWERS_H_
