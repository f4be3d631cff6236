// SPDX-License-Identifier: Apache-2.0
//
// TlsWatch: keeps the newest TLS files that are right, and reports those that
//           are wrong or about to end.
//
// Threads: any thread may ask for current() and Look(). Its own thread,
//          pinion-tls, looks each second.
// Why:     whoever replaces a certificate writes two or three files, one after
//          the other. Until the last is written they do not belong together,
//          and a server that used them would fail each handshake. So all are
//          read and checked, and used only if they are right together.
// Cost:    each second the files are read and compared, some 30 us.
// Example: TlsWatch watch({.files = options.tls, .log = log});
//          absl::Status status = watch.Look();  // Or there is nothing to use.
//          watch.Start();
//          std::shared_ptr<const TlsFiles> files = watch.current();
#ifndef PINION_SERVER_SECURITY_TLS_TLS_WATCH_H_
#define PINION_SERVER_SECURITY_TLS_TLS_WATCH_H_

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/tls/certificates.h"
#include "pinion/server/log.h"
#include "pinion/server/security/tls/tls_files.h"
#include "pinion/server/tls_options.h"

namespace pinion {

struct TlsWatchOptions {
  TlsOptions files;
  LogSink log = {};
  // For the ends of certificates.
  std::function<absl::Time()> now = [] { return absl::Now(); };
};

class TlsWatch {
 public:
  static constexpr std::chrono::seconds kBetweenLooks{1};

  // How long before its end a certificate is reported: first, and again.
  static constexpr absl::Duration kEndsSoon = absl::Hours(14 * 24);
  static constexpr absl::Duration kEndsNow = absl::Hours(3 * 24);

  explicit TlsWatch(TlsWatchOptions options);
  ~TlsWatch();  // Stops first.
  TlsWatch(const TlsWatch&) = delete;
  TlsWatch& operator=(const TlsWatch&) = delete;

  // Reads the files now. If they are right, current() has them. If not, returns
  // what is wrong, and current() stays as it is. Logs a line when what is used
  // changes, or what is wrong.
  absl::Status Look();

  // Looks each second from now on. Call it once, on a thread that is not
  // pinned.
  void Start();
  void Stop();

  // What is to be used; null before the first Look() that found right files.
  // Another object each time that it changes.
  std::shared_ptr<const TlsFiles> current();

 private:
  // How much of a certificate's end was reported.
  enum class Reported { kNothing, kSoon, kNow, kEnded };

  void Run();
  // True if it must end.
  bool AwaitNextLook();
  absl::Status ReadAndCheck(absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(look_mutex_);
  void Use(TlsFiles files) ABSL_EXCLUSIVE_LOCKS_REQUIRED(look_mutex_);
  void Refuse(const absl::Status& why)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(look_mutex_);
  void ReportEnds(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(look_mutex_);
  void ReportEnd(absl::string_view option, const CertificateFacts& facts,
                 absl::Time now, Reported& reported);

  // Fixed at construction.
  const TlsWatchOptions options_;

  // One look at a time; the files are read under it.
  Mutex look_mutex_;
  // Why the files are not used; empty if they are.
  std::string refused_ ABSL_GUARDED_BY(look_mutex_);
  Reported certificate_ ABSL_GUARDED_BY(look_mutex_) = Reported::kNothing;
  Reported client_ca_ ABSL_GUARDED_BY(look_mutex_) = Reported::kNothing;

  // Taken within look_mutex_, or alone: a handshake does not wait for a look.
  Mutex mutex_;
  CondVar changed_;
  std::shared_ptr<const TlsFiles> current_ ABSL_GUARDED_BY(mutex_);
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;

  // The owner's only.
  std::thread thread_;
};

}  // namespace pinion

#endif  // PINION_SERVER_SECURITY_TLS_TLS_WATCH_H_
