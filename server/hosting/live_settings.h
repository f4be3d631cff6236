// SPDX-License-Identifier: Apache-2.0
//
// LiveSettings: the settings that hold in a running server: where each is from,
//               and changes of those that may change while it runs.
//
// Threads: any thread. A Set() and a Reload() come one after the other.
//          Get() does not wait for what a Reload() reads.
// Reload:  puts the values of the program's file and flags in force. What Set()
//          has changed is gone then; TakeLost() names it.
// Example: auto changed = settings.Set("stall_after", "250ms", "uid 1000");
//          if (!changed.ok()) return changed.status();
#ifndef PINION_SERVER_HOSTING_LIVE_SETTINGS_H_
#define PINION_SERVER_HOSTING_LIVE_SETTINGS_H_

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "pinion/admin/v1/admin.pb.h"
#include "pinion/core/base/mutex.h"
#include "pinion/server/config/options_from_config.h"
#include "pinion/server/log.h"
#include "pinion/server/options.h"

namespace pinion {

// What a program knows of its settings.
struct ProgramSettings {
  // Of each field that its file or a flag may have, by path:
  // {"stop.grace", ORIGIN_FILE}.
  std::map<std::string, admin::v1::Origin> origins;
  // The settings that are none of a Server's, as they are to be shown.
  std::vector<admin::v1::Setting> others;
};

class LiveSettings {
 public:
  // What puts a setting in force.
  struct Hooks {
    // Those of the hosting that Set() may change.
    std::function<void(const HostingOptions& options)> change;
    // How lines are written now: others may change that, too.
    std::function<LogSettings()> log_settings;
    // Writes the line whatever the level is: nobody changes a setting unseen.
    LogSink log;
  };

  // `made_with` is what the Hosting was made with. What the hooks use lives as
  // long as this.
  LiveSettings(const HostingOptions& made_with, Hooks hooks);
  LiveSettings(const LiveSettings&) = delete;
  LiveSettings& operator=(const LiveSettings&) = delete;

  // It is a Server, which was made with these options; `change` puts in force
  // what of them may change. Before Begin().
  void Listens(const ListenOptions& made_with,
               std::function<void(const ListenOptions& options)> change);

  // From now on, and until End(), settings may change. End() waits for a change
  // in progress.
  void Begin();
  void End();

  // Has `reload` put the program's values in force. If it succeeds, these are
  // the ones that hold. `listen` is null in a Hosting.
  absl::Status Reload(const ListenOptions* listen,
                      const HostingOptions& hosting,
                      absl::FunctionRef<absl::Status()> reload);

  // Changes the setting until the next reload, and writes a line that says who
  // has done it. `name` is as in a flag, "stall_after", or as in a file,
  // "health.stall_after". Errors are as admin.proto says.
  absl::StatusOr<admin::v1::SetResponse> Set(absl::string_view name,
                                             absl::string_view value,
                                             absl::string_view who);

  admin::v1::GetSettingsResponse Get() const;

  // The option that holds: read often.
  bool show_keys() const { return show_keys_.load(std::memory_order_relaxed); }

  // Says where the values of the last start or reload are from.
  void SetProgram(ProgramSettings program);

  // The changes that a reload has undone and that no line names yet: "run-time
  // changes are gone: stall_after 250ms -> 1s". Empty: there are none. Whoever
  // has called LeaveLost() takes them after each reload; else the reload itself
  // writes a line.
  void LeaveLost();
  std::string TakeLost();

  // The names that Set() takes, as in flags.
  static std::vector<std::string> Changeable();

  // Whether this has the setting at `path`; otherwise it is one of
  // ProgramSettings::others.
  static bool Has(absl::string_view path);

 private:
  // What holds, with how lines are written now.
  ConfiguredOptions Now() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // The field of that name: its path. An error says why there is none, or why
  // it cannot change.
  absl::StatusOr<std::string> Find(absl::string_view name) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  admin::v1::Origin OriginOf(const std::string& path) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What Set() has changed, once `now_` has a reload's values.
  void Forget() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Fixed at construction.
  const Hooks hooks_;

  // Held by whoever changes something, from its first look to the last word.
  Mutex changes_mutex_;

  // Shared.
  mutable Mutex mutex_ ABSL_ACQUIRED_AFTER(changes_mutex_);
  bool serves_ ABSL_GUARDED_BY(mutex_) = false;
  ConfiguredOptions now_ ABSL_GUARDED_BY(mutex_);
  // Null: it is a Hosting.
  std::function<void(const ListenOptions&)> change_listen_
      ABSL_GUARDED_BY(mutex_);
  // By path, what Set() has changed, and the values that were set.
  std::map<std::string, std::string> changed_ ABSL_GUARDED_BY(mutex_);
  // None: nobody has told.
  std::optional<ProgramSettings> program_ ABSL_GUARDED_BY(mutex_);
  std::string lost_ ABSL_GUARDED_BY(mutex_);
  bool leaves_lost_ ABSL_GUARDED_BY(mutex_) = false;
  // Relaxed: it guards nothing.
  std::atomic<bool> show_keys_;
};

}  // namespace pinion

#endif  // PINION_SERVER_HOSTING_LIVE_SETTINGS_H_
