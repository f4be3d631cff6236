// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/admin/admin_answers.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "google/protobuf/message.h"
#include "pinion/proto/wire/origin_text.h"
#include "pinion/proto/wire/utf8.h"
#include "pinion/server/admin/admin_json.h"
#include "pinion/server/admin/page_texts.h"

namespace pinion {
namespace {

constexpr char kApi[] = "/api/";
constexpr char kSet[] = "/set/";

HttpAnswer Text(int status, absl::string_view text) {
  return {.status = status,
          .made = absl::StrCat(text, "\n"),
          .type = "text/plain; charset=utf-8"};
}

HttpAnswer Unknown() {
  return Text(404, "there is nothing here; docs/observing.md has the paths");
}

HttpAnswer WrongMethod(const char* allowed) {
  HttpAnswer answer = Text(405, absl::StrCat("this path allows ", allowed));
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

int HttpStatusOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return 400;
    case absl::StatusCode::kNotFound:
      return 404;
    case absl::StatusCode::kFailedPrecondition:
      return 409;
    case absl::StatusCode::kUnavailable:
      return 503;
    default:
      return 500;
  }
}

HttpAnswer Failed(const absl::Status& status) {
  return Text(HttpStatusOf(status), ValidUtf8(status.message()));
}

HttpAnswer Json(const google::protobuf::Message& message) {
  absl::StatusOr<std::string> text = AdminJson(message);
  if (!text.ok()) return Failed(text.status());
  return {.made = absl::StrCat(*text, "\n"), .type = "application/json"};
}

// What `ask` answers to a request with the query's limit, if that is one.
template <typename Request, typename Ask>
HttpAnswer Listed(const HttpRequest& http, Request request, Ask ask) {
  const auto limit = http.Query("limit");
  uint32_t number;
  if (limit.has_value()) {
    if (!absl::SimpleAtoi(*limit, &number)) {
      return Text(400, "the limit is not a number");
    }
    request.set_limit(number);
  }
  return Json(ask(request));
}

}  // namespace

HttpAnswer AdminAnswers::Answer(const HttpRequest& request) {
  std::optional<HttpAnswer> refused = access_.Refusal(request);
  if (refused.has_value()) return *std::move(refused);
  if (!source_.started()) return Text(503, "the server has not started yet");
  absl::string_view name = request.path();
  if (absl::ConsumePrefix(&name, kSet)) {
    return request.is_post() ? Set(request, name) : WrongMethod("POST");
  }
  HttpAnswer answer = Read(request);
  return request.is_post() && answer.status != 404 ? WrongMethod("GET, HEAD")
                                                   : answer;
}

HttpAnswer AdminAnswers::Read(const HttpRequest& request) {
  absl::string_view path = request.path();
  if (path == "/" || path == "/index.html") {
    return {.text = PageHtml(), .type = "text/html; charset=utf-8"};
  }
  if (path == "/page.js") {
    return {.text = PageScript(), .type = "text/javascript; charset=utf-8"};
  }
  if (path == "/page.css") {
    return {.text = PageStyle(), .type = "text/css; charset=utf-8"};
  }
  if (path == "/metrics") {
    return {.made = Metrics(),
            .type = "text/plain; version=0.0.4; charset=utf-8"};
  }
  if (path == "/config") return Config();
  return absl::ConsumePrefix(&path, kApi) ? Api(path, request) : Unknown();
}

const std::string& AdminAnswers::Metrics() {
  const Moment now = clock_.Now();
  if (!metrics_made_.has_value() || now - *metrics_made_ >= kMetricsLast) {
    metrics_ = source_.Metrics();
    metrics_made_ = now;
  }
  return metrics_;
}

HttpAnswer AdminAnswers::Api(absl::string_view what,
                             const HttpRequest& request) {
  if (what == "info") return Json(source_.GetInfo());
  if (what == "state") return Json(source_.GetState());
  if (what == "settings") return Json(source_.GetSettings());
  if (what == "why") return Why(request);
  if (what == "events") return {.type = "text/event-stream", .streams = true};
  if (what == "slow") {
    return Listed(
        request, admin::v1::ListSlowCallsRequest(),
        [&](const auto& asked) { return source_.ListSlowCalls(asked); });
  }
  if (what == "hot") {
    admin::v1::ListHotKeysRequest hot;
    hot.set_service(ValidUtf8(request.Query("service").value_or("")));
    return Listed(request, hot, [&](const auto& asked) {
      return source_.ListHotKeys(asked);
    });
  }
  if (what == "stalls") {
    return Listed(request, admin::v1::ListStallsRequest(),
                  [&](const auto& asked) { return source_.ListStalls(asked); });
  }
  if (what == "sessions") {
    return Listed(
        request, admin::v1::ListSessionsRequest(),
        [&](const auto& asked) { return source_.ListSessions(asked); });
  }
  return Unknown();
}

HttpAnswer AdminAnswers::Why(const HttpRequest& request) {
  const auto key = request.Query("key");
  if (!key.has_value()) {
    return Text(400, "the key is missing; ask for /api/why?key=KEY");
  }
  if (ValidUtf8(*key) != *key) return Text(400, "the key is not UTF-8");
  admin::v1::ExplainKeyRequest asked;
  asked.set_key(std::string(*key));
  asked.set_service(ValidUtf8(request.Query("service").value_or("")));
  const auto answer = source_.ExplainKey(asked);
  return answer.ok() ? Json(*answer) : Failed(answer.status());
}

HttpAnswer AdminAnswers::Config() {
  const admin::v1::GetSettingsResponse all = source_.GetSettings();
  size_t widest = 0;
  for (const auto& one : all.settings()) {
    widest = std::max(widest, one.name().size() + one.value().size());
  }
  // Values that are far longer than others, as paths are, stand out.
  widest = std::min<size_t>(widest, 60);
  std::string text;
  for (const auto& one : all.settings()) {
    const std::string line =
        absl::StrCat(OneLine(one.name()), ": ", OneLine(one.value()));
    absl::StrAppendFormat(&text, "%-*s  # %s%s\n", static_cast<int>(widest) + 2,
                          line, OriginText(one.origin()),
                          one.can_change() ? ", may change at run time" : "");
  }
  return {.made = std::move(text), .type = "text/plain; charset=utf-8"};
}

HttpAnswer AdminAnswers::Set(const HttpRequest& request,
                             absl::string_view name) {
  absl::string_view value = request.body();
  // As a file or a shell ends it.
  absl::ConsumeSuffix(&value, "\n");
  absl::ConsumeSuffix(&value, "\r");
  if (ValidUtf8(name) != name || ValidUtf8(value) != value) {
    return Text(400, "the name or the value is not UTF-8");
  }
  admin::v1::SetRequest asked;
  asked.set_name(std::string(name));
  asked.set_value(std::string(value));
  const auto answer = source_.Set(
      asked, absl::StrCat("the admin page's listener, for ", request.Peer()));
  return answer.ok() ? Json(*answer) : Failed(answer.status());
}

}  // namespace pinion
