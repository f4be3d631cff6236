// SPDX-License-Identifier: Apache-2.0
//
// That no handshake fails while the files are replaced, in whatever order, and
// with whatever is wrong in between. Handshakes are counted, not timed: between
// two steps some begin and end, and the server has read the files.
//
// file_watcher_test.cc does the same with gRPC's own way, where they fail.
#include <atomic>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "pinion/core/base/mutex.h"
#include "pinion/tests/server/security/tls/tls_server.h"

namespace pinion {
namespace {

using ::pinion::testing::Handshake;
using ::pinion::testing::PemPair;
using ::pinion::testing::SerialOf;
using ::pinion::testing::TlsServerTest;

constexpr int kRotations = 5;
constexpr int kHandshakesBetweenSteps = 4;

// Makes handshakes on two threads until it ends.
class Shaker {
 public:
  explicit Shaker(std::function<absl::Status()> shake)
      : shake_(std::move(shake)) {
    for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~Shaker() {
    ends_ = true;
    for (std::thread& thread : threads_) thread.join();
  }

  // Waits until so many more have ended.
  void AwaitMore(int count) {
    MutexLock lock(mutex_);
    const int wanted = made_ + count;
    while (made_ < wanted) changed_.Wait(mutex_);
  }

  int made() {
    MutexLock lock(mutex_);
    return made_;
  }
  std::vector<absl::Status> failed() {
    MutexLock lock(mutex_);
    return failed_;
  }

 private:
  void Run() {
    while (!ends_) {
      const absl::Status status = shake_();
      MutexLock lock(mutex_);
      ++made_;
      if (!status.ok()) failed_.push_back(status);
      changed_.NotifyAll();
    }
  }

  const std::function<absl::Status()> shake_;
  std::atomic<bool> ends_{false};
  Mutex mutex_;
  CondVar changed_;
  int made_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<absl::Status> failed_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

class RotationTest : public TlsServerTest {
 protected:
  RotationTest() {
    StartTls({.client_auth = ClientAuth::kRequired});
    shaker_.emplace([this] {
      return Handshake(server_->address(),
                       {.ca = authority_.certificate(), .pair = client_})
          .status();
    });
  }

  // One step of who replaces the files, and what the server sees of it.
  void Step(const std::function<void()>& change, bool right) {
    change();
    EXPECT_EQ(ReadFilesAgain().ok(), right);
    shaker_->AwaitMore(kHandshakesBetweenSteps);
  }

  void Rotate(const std::vector<std::string>& order) {
    for (int i = 0; i < kRotations; ++i) {
      const PemPair next = authority_.Issue({});
      const auto write = [&](const std::string& what) {
        if (what == "cert") files_.Write("cert.pem", next.certificate);
        if (what == "key") files_.Write("key.pem", next.key);
        if (what == "garbage cert") files_.Write("cert.pem", "garbage");
        if (what == "garbage key") files_.Write("key.pem", "garbage");
        if (what == "half a cert") {
          files_.Write("cert.pem", next.certificate.substr(0, 200));
        }
        if (what == "no cert") files_.Remove("cert.pem");
        if (what == "no key") files_.Remove("key.pem");
        if (what == "expired") {
          files_.Write("cert.pem",
                       authority_
                           .Issue({.not_before = absl::Now() - absl::Hours(9),
                                   .not_after = absl::Now() - absl::Hours(1)})
                           .certificate);
        }
        if (what == "garbage ca") files_.Write("ca.pem", "garbage");
        if (what == "no ca") files_.Remove("ca.pem");
        if (what == "a ca that is none") {
          files_.Write("ca.pem", next.certificate);
        }
        if (what == "ca") files_.Write("ca.pem", authority_.certificate());
      };
      for (size_t step = 0; step < order.size(); ++step) {
        Step([&] { write(order[step]); }, step + 1 == order.size());
      }
      EXPECT_EQ(*Shake({.pair = client_}), SerialOf(next.certificate));
    }
    const std::vector<absl::Status> failed = shaker_->failed();
    EXPECT_TRUE(failed.empty()) << failed.size() << " of " << shaker_->made()
                                << " failed: " << failed[0];
  }

  std::optional<Shaker> shaker_;
};

TEST_F(RotationTest, CertificateThenKey) { Rotate({"cert", "key"}); }

TEST_F(RotationTest, KeyThenCertificate) { Rotate({"key", "cert"}); }

TEST_F(RotationTest, CertificateCutOffThenAllOfIt) {
  Rotate({"half a cert", "cert", "key"});
}

TEST_F(RotationTest, FilesRemovedThenWritten) {
  Rotate({"no cert", "no key", "key", "cert"});
}

TEST_F(RotationTest, GarbageThenFiles) {
  Rotate({"garbage key", "garbage cert", "cert", "key"});
}

TEST_F(RotationTest, AnExpiredCertificateThenTheRightOne) {
  Rotate({"expired", "key", "cert"});
}

TEST_F(RotationTest, AuthoritiesWrongBeforeThePairIsRight) {
  Rotate({"garbage ca", "cert", "key", "ca"});
}

TEST_F(RotationTest, AuthoritiesThatAreNoneWithinARotation) {
  Rotate({"cert", "a ca that is none", "key", "no ca", "ca"});
}

}  // namespace
}  // namespace pinion
