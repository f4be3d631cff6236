// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/party/parties.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "pinion/core/base/mutex.h"
#include "pinion/proto/wire/process_hash.h"

namespace pinion {

// The connections' parties by the peers' names, as long as there are any.
class Parties::Table : public std::enable_shared_from_this<Table> {
 public:
  std::shared_ptr<Party> Find(const std::string& peer, size_t lanes) {
    MutexLock lock(mutex_);
    std::weak_ptr<Party>& entry = by_peer_[peer];
    std::shared_ptr<Party> party = entry.lock();
    if (party != nullptr) return party;
    party = std::shared_ptr<Party>(
        new Party(lanes), [table = shared_from_this(), peer](Party* gone) {
          delete gone;
          table->Erase(peer);
        });
    entry = party;
    return party;
  }

 private:
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

std::shared_ptr<Party> Parties::OfConnection(const std::string& peer) {
  const bool is_internet =
      absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:");
  if (!is_internet || proxies_.Contains(peer)) return nullptr;
  return table_->Find(peer, lanes_);
}

}  // namespace pinion
