// SPDX-License-Identifier: Apache-2.0
#include "pinion/client/cli/line_calls.h"

#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "pinion/client/cli/failure_text.h"
#include "pinion/client/cli/json_text.h"
#include "pinion/client/cli/line_reader.h"
#include "pinion/client/failure.h"

namespace pinion::cli {
namespace {

struct NamedCall {
  std::string method;
  std::string request;
};

// The call of a line that names its method; none if it does not.
std::optional<NamedCall> NamedCallOf(absl::string_view line) {
  const auto members = JsonMembersOf(line);
  if (!members.has_value()) return std::nullopt;
  NamedCall call = {.method = "", .request = "{}"};
  for (const auto& [name, value] : *members) {
    if (name == "method" && value.size() > 1 && value[0] == '"') {
      // Some writers of JSON have a backslash before each slash.
      call.method = absl::StrReplaceAll(value.substr(1, value.size() - 2),
                                        {{"\\/", "/"}});
    } else if (name == "request") {
      call.request = std::string(value);
    } else {
      return std::nullopt;
    }
  }
  if (!absl::StartsWith(call.method, "/")) return std::nullopt;
  return call;
}

// What cannot even be sent is told as the server would tell it.
absl::Status NotSent(const absl::Status& status) {
  return client_internal::Failed(status,
                                 absl::IsInvalidArgument(status)
                                     ? v1::REASON_BAD_REQUEST
                                     : v1::REASON_UNSPECIFIED,
                                 v1::EXECUTED_NO);
}

std::string TimingJson(const v1::Timing& timing) {
  return absl::StrCat(
      "{\"worker\":", timing.worker(), ",\"waited_ns\":", timing.waited_ns(),
      ",\"ran_ns\":", timing.ran_ns(), ",\"batch\":", timing.batch(), "}");
}

}  // namespace

LineCalls::LineCalls(JsonCodec& codec, Options options, Start start)
    : codec_(codec), options_(std::move(options)), start_(std::move(start)) {}

bool LineCalls::Run(std::FILE* in, std::FILE* out) {
  std::thread writer([&] { WriteAll(out); });
  ReadAll(in);
  {
    const std::lock_guard lock(mutex_);
    input_ended_ = true;
    changed_.notify_all();
  }
  writer.join();
  return !failed_;
}

void LineCalls::ReadAll(std::FILE* in) {
  LineReader reader(in, options_.line_bytes);
  while (auto line = reader.Next()) {
    const bool empty = line->ok() && absl::StripAsciiWhitespace(**line).empty();
    if (empty) continue;
    if (!AwaitRoom()) return;
    Begin(reader.line_number(), *std::move(line));
  }
  if (std::ferror(in) != 0) {
    std::fprintf(stderr, "pinion: standard input cannot be read: %s\n",
                 std::strerror(errno));
    const std::lock_guard lock(mutex_);
    failed_ = true;
  }
}

void LineCalls::Begin(uint64_t line_number, absl::StatusOr<std::string> line) {
  const auto refuse = [&](const absl::Status& why) {
    Finish({line_number, "", NotSent(why), std::nullopt});
  };
  if (!line.ok()) return refuse(line.status());
  NamedCall call;
  if (auto named = NamedCallOf(*line)) {
    call = *std::move(named);
  } else if (!options_.method.empty()) {
    call = {options_.method, *std::move(line)};
  } else {
    return refuse(absl::InvalidArgumentError(
        "the line names no method; write "
        "{\"method\":\"/package.Service/Method\",\"request\":{...}}"));
  }
  const auto request = codec_.Encode(call.method, call.request);
  if (!request.ok()) return refuse(request.status());
  if (codec_.IsServerStreaming(call.method)) {
    return refuse(absl::InvalidArgumentError(
        absl::StrCat(call.method,
                     " is a server-streaming method; call it alone, with its "
                     "request as an argument")));
  }
  start_(call.method, *request,
         [this, line_number, method = call.method](const Reply& reply) {
           Answer answer = {line_number, method, "", reply.timing};
           if (reply.status.ok()) {
             answer.response = std::string(reply.response);
           } else {
             answer.response = reply.status;
           }
           Finish(std::move(answer));
         });
}

bool LineCalls::AwaitRoom() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock,
                [&] { return open_ < options_.in_flight || output_broken_; });
  if (output_broken_) return false;
  ++open_;
  return true;
}

void LineCalls::Finish(Answer answer) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(std::move(answer));
  changed_.notify_all();
}

void LineCalls::WriteAll(std::FILE* out) {
  std::vector<Answer> answers;
  while (true) {
    bool broken;
    {
      std::unique_lock lock(mutex_);
      open_ -= static_cast<int>(answers.size());
      changed_.notify_all();
      answers.clear();
      changed_.wait(lock, [&] {
        return !answers_.empty() || (input_ended_ && open_ == 0);
      });
      if (answers_.empty()) return;
      answers.swap(answers_);
      broken = output_broken_;
    }
    bool failed = false;
    for (Answer& answer : answers) {
      const std::string json = JsonOf(answer);
      if (!answer.response.ok()) failed = true;
      if (!broken && std::fprintf(out, "%s\n", json.c_str()) < 0) broken = true;
    }
    if (!broken && std::fflush(out) != 0) broken = true;
    const std::lock_guard lock(mutex_);
    if (broken && !output_broken_) {
      std::fprintf(stderr, "pinion: the answers cannot be written: %s\n",
                   std::strerror(errno));
    }
    output_broken_ = broken;
    failed_ = failed_ || failed || broken;
  }
}

std::string LineCalls::JsonOf(Answer& answer) {
  if (answer.response.ok()) {
    answer.response = codec_.Decode(answer.method, *answer.response);
  }
  std::string json = absl::StrCat("{\"line\":", answer.line);
  if (answer.response.ok()) {
    absl::StrAppend(&json, ",\"response\":", *answer.response);
  } else {
    absl::StrAppend(&json, ",\"error\":", ErrorJson(answer.response.status()));
  }
  if (answer.timing.has_value()) {
    absl::StrAppend(&json, ",\"timing\":", TimingJson(*answer.timing));
  }
  return json + "}";
}

}  // namespace pinion::cli
