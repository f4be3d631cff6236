// SPDX-License-Identifier: Apache-2.0
//
// ReflectionClient: a stream of grpc.reflection.v1alpha. Its messages are
// written and read by protobuf, so that what the server does by hand is checked
// against it.
//
// Threads: one at a time.
// Life:    it cancels the stream, unless that has ended, and waits for its end.
// Example: ReflectionClient client(channel);
//          auto services = client.Ask(ListServices());
//          EXPECT_EQ(client.Finish(), absl::OkStatus());
#ifndef PINION_TESTS_SUPPORT_REFLECTION_CLIENT_H_
#define PINION_TESTS_SUPPORT_REFLECTION_CLIENT_H_

#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/slice.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "pinion/client/channel_guard.h"
#include "pinion/proto/wire/reflection_message.h"
#include "pinion/proto/wire/status_details.h"
#include "pinion/tests/support/grpc_order.h"
#include "pinion/tests/support/open_call.h"
#include "pinion/v1/failure.pb.h"
#include "tests/support/reflection.pb.h"

namespace pinion::testing {

using ReflectionRequest = test::reflection::ServerReflectionRequest;
using ReflectionResponse = test::reflection::ServerReflectionResponse;

inline ReflectionRequest ListServices() {
  ReflectionRequest request;
  request.set_list_services("");
  return request;
}
inline ReflectionRequest FileByName(const std::string& name) {
  ReflectionRequest request;
  request.set_file_by_filename(name);
  return request;
}
inline ReflectionRequest FileOfSymbol(const std::string& symbol) {
  ReflectionRequest request;
  request.set_file_containing_symbol(symbol);
  return request;
}
inline ReflectionRequest FileOfExtension(const std::string& type, int number) {
  ReflectionRequest request;
  auto* const extension = request.mutable_file_containing_extension();
  extension->set_containing_type(type);
  extension->set_extension_number(number);
  return request;
}
inline ReflectionRequest ExtensionsOf(const std::string& type) {
  ReflectionRequest request;
  request.set_all_extension_numbers_of_type(type);
  return request;
}

inline std::vector<std::string> ServicesIn(const ReflectionResponse& response) {
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  return names;
}

// The names of the files, in their order.
inline std::vector<std::string> FilesIn(const ReflectionResponse& response) {
  std::vector<std::string> names;
  for (const std::string& bytes :
       response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(file.ParseFromString(bytes));
    names.push_back(file.name());
  }
  return names;
}

class ReflectionClient final
    : private grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit ReflectionClient(
      const GuardedChannel& channel, const OpenCallOptions& options = {},
      const std::string& path = reflection_protocol::kPath)
      : stub_(channel.channel), guard_(channel.guard) {
    for (const auto& [name, value] : options.metadata) {
      context_.AddMetadata(name, value);
    }
    OrderAsGrpcDoes();
    const auto begin = [&] {
      stub_.PrepareBidiStreamingCall(&context_, path, grpc::StubOptions(),
                                     this);
      AddHold();  // For what is begun on the test's thread.
      StartCall();
    };
    if (guard_ == nullptr) {
      begin();
    } else if (!guard_->Begin(begin)) {
      ADD_FAILURE() << "the server has stopped";
    }
  }
  ~ReflectionClient() override {
    if (finished_) return;
    context_.TryCancel();
    Finish().IgnoreError();
  }
  ReflectionClient(const ReflectionClient&) = delete;
  ReflectionClient& operator=(const ReflectionClient&) = delete;

  // Sends bytes. Returns false if the stream has ended.
  bool Send(absl::string_view bytes) {
    const grpc::Slice slice(bytes.data(), bytes.size());
    request_ = grpc::ByteBuffer(&slice, 1);
    return Do([&] { StartWrite(&request_); });
  }

  // Waits for the next response; none if there is none before the end.
  std::optional<ReflectionResponse> Next() {
    if (!Do([&] { StartRead(&incoming_); })) return std::nullopt;
    grpc::Slice slice;
    EXPECT_TRUE(incoming_.DumpToSingleSlice(&slice).ok());
    ReflectionResponse response;
    EXPECT_TRUE(
        response.ParseFromArray(slice.begin(), static_cast<int>(slice.size())));
    return response;
  }

  // Sends a question and waits for its answer, which repeats the question.
  std::optional<ReflectionResponse> Ask(const ReflectionRequest& request) {
    Send(request.SerializeAsString());
    const auto response = Next();
    if (response.has_value()) {
      EXPECT_EQ(response->original_request().SerializeAsString(),
                request.SerializeAsString());
      EXPECT_EQ(response->valid_host(), request.host());
    }
    return response;
  }

  // Says that no question follows.
  void EndSends() {
    Do([&] { StartWritesDone(); });
  }

  // Takes what still comes, and waits for the end. The last that is called,
  // but for failure().
  const absl::Status& Finish() {
    while (Next().has_value()) {
    }
    finished_ = true;
    RemoveHold();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_; });
    return status_;
  }

  // What the server said of an error; all unspecified if it said nothing.
  v1::Failure failure() const {
    return FailureFromStatusDetails(details_).value_or(v1::Failure());
  }

 private:
  // Begins an operation and waits for its end.
  template <typename Begin>
  bool Do(Begin begin) {
    OrderAsGrpcDoes();
    begin();
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return done_.has_value(); });
    const bool ok = *done_;
    done_.reset();
    return ok;
  }

  void Done(bool ok) {
    OrderAsGrpcDoes();
    const std::lock_guard lock(mutex_);
    done_ = ok;
    changed_.notify_all();
  }

  void OnWriteDone(bool ok) override { Done(ok); }
  void OnReadDone(bool ok) override { Done(ok); }
  void OnWritesDoneDone(bool ok) override { Done(ok); }
  void OnDone(const grpc::Status& status) override {
    OrderAsGrpcDoes();
    if (guard_ != nullptr) guard_->End();
    const std::lock_guard lock(mutex_);
    ended_ = true;
    status_ = absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                           status.error_message());
    details_ = status.error_details();
    changed_.notify_all();
  }

  grpc::GenericStub stub_;
  std::shared_ptr<ChannelGuard> guard_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer incoming_;
  bool finished_ = false;  // The test's.

  // Guards the rest. (Not Abseil's, which ThreadSanitizer does not see here.)
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<bool> done_;  // Of the operation under way.
  bool ended_ = false;
  absl::Status status_;
  std::string details_;
};

}  // namespace pinion::testing

#endif  // PINION_TESTS_SUPPORT_REFLECTION_CLIENT_H_
