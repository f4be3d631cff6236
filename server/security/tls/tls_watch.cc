// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/security/tls/tls_watch.h"

#include <pthread.h>

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "pinion/core/base/duration_text.h"
#include "pinion/core/base/thread_without_signals.h"
#include "pinion/server/log/server_log.h"

namespace pinion {
namespace {

std::string DaysText(absl::Duration span) {
  const int64_t days = span / absl::Hours(24);
  return days > 1 ? absl::StrCat(days, " days") : DurationText(span);
}

}  // namespace

TlsWatch::TlsWatch(TlsWatchOptions options) : options_(std::move(options)) {}

TlsWatch::~TlsWatch() { Stop(); }

void TlsWatch::Start() {
  thread_ = ThreadWithoutSignals([this] {
    pthread_setname_np(pthread_self(), "pinion-tls");
    Run();
  });
}

void TlsWatch::Stop() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  if (thread_.joinable()) thread_.join();
}

void TlsWatch::Run() {
  // What a look finds, it logs.
  while (!AwaitNextLook()) Look().IgnoreError();
}

bool TlsWatch::AwaitNextLook() {
  const auto next = std::chrono::steady_clock::now() + kBetweenLooks;
  MutexLock lock(mutex_);
  while (!ending_ && changed_.WaitUntil(mutex_, next)) {
  }
  return ending_;
}

std::shared_ptr<const TlsFiles> TlsWatch::current() {
  MutexLock lock(mutex_);
  return current_;
}

absl::Status TlsWatch::Look() {
  MutexLock lock(look_mutex_);
  const absl::Time now = options_.now();
  const absl::Status status = ReadAndCheck(now);
  if (!status.ok()) Refuse(status);
  ReportEnds(now);
  return status;
}

absl::Status TlsWatch::ReadAndCheck(absl::Time now) {
  auto texts = ReadTlsTexts(options_.files);
  if (!texts.ok()) return texts.status();
  const auto used = current();
  if (used != nullptr && *texts == used->texts) {
    refused_.clear();
    return absl::OkStatus();
  }
  auto files = CheckTlsTexts(options_.files, *std::move(texts), now);
  if (!files.ok()) return files.status();
  Use(*std::move(files));
  return absl::OkStatus();
}

void TlsWatch::Use(TlsFiles files) {
  refused_.clear();
  certificate_ = Reported::kNothing;
  client_ca_ = Reported::kNothing;
  auto next = std::make_shared<const TlsFiles>(std::move(files));
  Log(options_.log,
      {.area = LogArea::kTls,
       .event = "tls_files_taken",
       .message = absl::StrCat(
           "new connections get the certificate ", next->certificate.ToString(),
           next->client_ca.has_value()
               ? absl::StrCat("; clients must have theirs from ",
                              next->client_ca->ToString(),
                              ", or another one of that file")
               : "")});
  MutexLock lock(mutex_);
  current_ = std::move(next);
}

void TlsWatch::Refuse(const absl::Status& why) {
  const auto used = current();
  // Without one, the caller's start fails, and says so.
  if (used == nullptr || refused_ == why.message()) return;
  refused_ = std::string(why.message());
  Log(options_.log,
      {.level = LogLevel::kError,
       .area = LogArea::kTls,
       .event = "tls_files_refused",
       .message = absl::StrCat(
           why.message(), "; new connections still get the certificate ",
           used->certificate.ToString(), ": correct the file")});
}

void TlsWatch::ReportEnds(absl::Time now) {
  const auto used = current();
  if (used == nullptr) return;
  ReportEnd("tls_certificate", used->certificate, now, certificate_);
  if (used->client_ca.has_value()) {
    ReportEnd("tls_client_ca", *used->client_ca, now, client_ca_);
  }
}

void TlsWatch::ReportEnd(absl::string_view option,
                         const CertificateFacts& facts, absl::Time now,
                         Reported& reported) {
  const absl::Duration left = facts.not_after - now;
  const Reported due = left < absl::ZeroDuration() ? Reported::kEnded
                       : left <= kEndsNow          ? Reported::kNow
                       : left <= kEndsSoon         ? Reported::kSoon
                                                   : Reported::kNothing;
  if (due <= reported) return;
  reported = due;
  const bool ended = due == Reported::kEnded;
  Log(options_.log,
      {.level = ended ? LogLevel::kError : LogLevel::kWarning,
       .area = LogArea::kTls,
       .event = ended ? "tls_certificate_ended" : "tls_certificate_ends",
       .message =
           ended ? absl::StrCat(option, " has ", facts.ToString(), ", ",
                                DaysText(-left),
                                " ago: new connections fail; replace it now")
                 : absl::StrCat(option, " has ", facts.ToString(), ", in ",
                                DaysText(left),
                                ": replace it before, or new connections "
                                "will fail")});
}

}  // namespace pinion
