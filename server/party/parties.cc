// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/party/parties.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "pinion/core/base/mutex.h"
#include "pinion/proto/wire/process_hash.h"

namespace pinion {

// The parties of connections and principals, by their names, as long as there
// are any.
class Parties::Table : public std::enable_shared_from_this<Table> {
 public:
  // The party of `peer`; made if there is none.
  std::shared_ptr<Party> OfPeer(const std::string& peer, size_t lanes) {
    std::shared_ptr<Party> known = Find(peer);
    return known != nullptr ? known : KeepOne(peer, Make(peer, lanes));
  }

 private:
  std::shared_ptr<Party> Find(const std::string& peer) {
    MutexLock lock(mutex_);
    const auto found = by_peer_.find(peer);
    return found == by_peer_.end() ? nullptr : found->second.lock();
  }

  // Without the lock. A party has two numbers for each lane, so its memory is
  // large. And if there is none for the pointer, the pointer's deleter runs at
  // once, and takes the lock.
  std::shared_ptr<Party> Make(const std::string& peer, size_t lanes) {
    // With a name of its own, which can be moved: a copy could fail below.
    auto forget = [table = shared_from_this(), name = peer](Party* gone) {
      delete gone;
      table->Erase(name);
    };
    return std::shared_ptr<Party>(new Party(lanes), std::move(forget));
  }

  // Keeps `made`, or finds the one that another thread has made since. `peer`
  // and `made` go after the lock.
  std::shared_ptr<Party> KeepOne(std::string peer,
                                 std::shared_ptr<Party> made) {
    MutexLock lock(mutex_);
    std::weak_ptr<Party>& entry = by_peer_[std::move(peer)];
    std::shared_ptr<Party> known = entry.lock();
    if (known != nullptr) return known;
    entry = made;
    return made;
  }

  void Erase(const std::string& peer) {
    MutexLock lock(mutex_);
    const auto found = by_peer_.find(peer);
    // Another may have come in its place.
    if (found != by_peer_.end() && found->second.expired()) {
      by_peer_.erase(found);
    }
  }

  Mutex mutex_;
  HashMap<std::string, std::weak_ptr<Party>> by_peer_ ABSL_GUARDED_BY(mutex_);
};

Parties::Parties(size_t lanes, TrustedProxies proxies)
    : lanes_(lanes),
      proxies_(std::move(proxies)),
      table_(std::make_shared<Table>()) {}

Parties::~Parties() = default;

std::shared_ptr<Party> Parties::OfSession() const {
  return std::make_shared<Party>(lanes_);
}

// No peer's name begins as a principal does.
std::shared_ptr<Party> Parties::OfPrincipal(const std::string& principal) {
  return table_->OfPeer(principal, lanes_);
}

std::shared_ptr<Party> Parties::OfConnection(const std::string& peer) {
  const bool is_internet =
      absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:");
  if (!is_internet || proxies_.Contains(peer)) return nullptr;
  return table_->OfPeer(peer, lanes_);
}

}  // namespace pinion
