// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/client.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/base/optimization.h"
#include "pinion/client/internal/channel_source.h"
#include "pinion/client/internal/key_links.h"
#include "pinion/client/internal/request_source.h"
#include "pinion/client/internal/session_link.h"
#include "pinion/client/internal/stream_call.h"
#include "pinion/client/internal/stream_calls.h"
#include "pinion/client/internal/unary_calls.h"
#include "pinion/core/base/mutex.h"

namespace pinion {
namespace {

using client_internal::ChannelSource;

// A request up to this size is serialized where it will lie.
constexpr size_t kSmallRequest = 4096;

std::vector<ChannelSource> MakeSources(const std::string& target,
                                       const ClientOptions& options) {
  std::vector<ChannelSource> sources;
  const int count = options.unary ? 1 : options.sessions;
  for (int i = 0; i < count; ++i) sources.emplace_back(target, options);
  return sources;
}

absl::Status MistakeIn(const ClientOptions& options,
                       const std::vector<ChannelSource>& sources) {
  absl::Status valid = client_internal::CheckClientOptions(options);
  if (valid.ok()) valid = sources[0].mistake();
  return valid.ok() ? sources[0].TokenMistake(options) : valid;
}

uint32_t NextNumber() {
  static std::atomic<uint32_t> last{0};
  return 1 + last.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace

std::unique_ptr<Client> Client::Connect(const std::string& target,
                                        const ClientOptions& options) {
  const bool valid = client_internal::CheckClientOptions(options).ok();
  const ClientOptions used = valid ? options : ClientOptions();
  const std::vector<ChannelSource> sources = MakeSources(target, used);
  std::function<ChannelSource()> stream_source;
  if (used.unary) {
    stream_source = [source = sources[0]] { return source; };
  } else {
    // Not a session's: a session leaves its channel when the connection is
    // dead, and the connection goes with the last that holds the channel.
    stream_source = [target, used] { return ChannelSource(target, used); };
  }
  return std::unique_ptr<Client>(
      new Client(sources, std::move(stream_source), options));
}

Client::Client(std::shared_ptr<grpc::Channel> channel,
               const ClientOptions& options)
    : Client(
          {ChannelSource(channel)},
          [channel] { return ChannelSource(channel); }, options) {}

Client::Client(const std::vector<ChannelSource>& sources,
               std::function<ChannelSource()> stream_source,
               const ClientOptions& options)
    : mistake_(MistakeIn(options, sources)), number_(NextNumber()) {
  if (!mistake_.ok()) return;
  streams_ = std::make_unique<client_internal::StreamCalls>(
      std::move(stream_source), options);
  if (options.unary) {
    unary_ =
        std::make_unique<client_internal::UnaryCalls>(sources[0], options, 0);
    return;
  }
  key_links_ = std::make_unique<client_internal::KeyLinks>(options.sessions);
  for (int i = 0; i < options.sessions; ++i) {
    links_.push_back(std::make_unique<client_internal::SessionLink>(
        sources[i % sources.size()], options, i));
  }
}

// Callbacks that run meanwhile may begin calls of any kind; so nothing goes
// before everything is closed.
Client::~Client() {
  if (streams_ != nullptr) streams_->Close();
  if (unary_ != nullptr) unary_->Close();
  for (const auto& link : links_) link->Close();
}

bool Client::IsUsual(absl::string_view method,
                     const CallOptions& options) const {
  return mistake_.ok() && method.size() <= client_internal::kMaxMethodBytes &&
         options.priority == v1::PRIORITY_UNSPECIFIED &&
         !options.worker.has_value() && options.metadata.empty();
}

absl::Status Client::Check(absl::string_view method,
                           const CallOptions& options) const {
  absl::Status valid = mistake_;
  if (valid.ok()) valid = client_internal::CheckMethod(method);
  if (valid.ok()) valid = client_internal::CheckCallOptions(options);
  if (valid.ok()) return valid;
  return client_internal::Failed(std::move(valid), v1::REASON_BAD_REQUEST,
                                 v1::EXECUTED_NO);
}

CallId Client::StartRaw(absl::string_view method, absl::string_view request,
                        const CallOptions& options, DoneFunction done) {
  if (ABSL_PREDICT_FALSE(!IsUsual(method, options))) {
    if (absl::Status valid = Check(method, options); !valid.ok()) {
      done({.status = std::move(valid)});
      return {};
    }
  }
  if (ABSL_PREDICT_FALSE(unary_ != nullptr)) {
    return Own(unary_->Start(method, request, options, std::move(done)));
  }
  return Own(links_[key_links_->Of(method, request)]->Start(
      method, client_internal::RequestSource(request), options,
      std::move(done)));
}

CallId Client::StartMessage(absl::string_view method,
                            const google::protobuf::Message& request,
                            const CallOptions& options, DoneFunction&& done) {
  const client_internal::RequestSource source(request);
  if (links_.size() == 1 && source.size() <= kSmallRequest &&
      IsUsual(method, options)) {
    return Own(links_[0]->Start(method, source, options, std::move(done)));
  }
  return StartRaw(method, request.SerializeAsString(), options,
                  std::move(done));
}

void Client::Await(absl::FunctionRef<void(DoneFunction)> start,
                   absl::FunctionRef<void(const Reply&)> take) {
  Mutex mutex;
  CondVar changed;
  bool answered = false;
  start([&](const Reply& reply) {
    MutexLock lock(mutex);
    take(reply);
    answered = true;
    changed.NotifyAll();
  });
  MutexLock lock(mutex);
  while (!answered) changed.Wait(mutex);
}

RawReply Client::CallRaw(absl::string_view method, absl::string_view request,
                         const CallOptions& options) {
  RawReply result;
  Await(
      [&](DoneFunction done) {
        StartRaw(method, request, options, std::move(done));
      },
      [&](const Reply& reply) {
        if (reply.status.ok()) {
          result.response = std::string(reply.response);
        } else {
          result.response = reply.status;
        }
        result.timing = reply.timing;
        result.trailing = reply.trailing;
      });
  return result;
}

void Client::Cancel(CallId id) {
  if (id.link < 0 || id.client != number_) return;
  if (unary_ != nullptr) {
    unary_->Cancel(id);
  } else {
    links_[id.link]->Cancel(id);
  }
}

RawStreamReader Client::StreamRaw(absl::string_view method,
                                  absl::string_view request,
                                  const CallOptions& options) {
  absl::Status valid = Check(method, options);
  if (valid.ok()) {
    return RawStreamReader(streams_->Start(method, request, options));
  }
  auto refused = std::make_shared<client_internal::StreamCall>();
  refused->Refuse(std::move(valid));
  return RawStreamReader(std::move(refused));
}

}  // namespace pinion
