// SPDX-License-Identifier: Apache-2.0
#include "pinion/core/stacks/thread_stacks.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/debugging/symbolize.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "pinion/core/base/mutex.h"
#include "pinion/core/stacks/stack_slot.h"

namespace pinion {
namespace {

using std::chrono::nanoseconds;

constexpr int kSignal = SIGURG;

// Longer names are cut: those of templates may have thousands of characters.
constexpr size_t kMaxName = 512;

// A handler that no longer has an object to belong to may still come, so what
// it uses lives as long as the process.
struct Shared {
  StackSlot slot;
  // Posted when the slot is written. May be posted for a stack that nobody
  // waits for any more: whoever waits looks at the slot.
  sem_t written;

  Mutex mutex;  // Whoever takes a stack has it.
  bool tried ABSL_GUARDED_BY(mutex) = false;
  absl::Status prepared ABSL_GUARDED_BY(mutex);

  Shared() { sem_init(&written, 0, 0); }
};

// For the handler; set before that is.
std::atomic<Shared*> shared{nullptr};

Shared& TheShared() {
  static Shared* const made = [] {
    auto* const the = new Shared();
    // Release, with the acquire in OnSignal(): the handler sees it made.
    shared.store(the, std::memory_order_release);
    return the;
  }();
  return *made;
}

void* InterruptedAt(const void* context) {
  const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<void*>(machine.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return reinterpret_cast<void*>(machine.pc);
#else
  static_cast<void>(machine);
  return nullptr;
#endif
}

void OnSignal(int, siginfo_t*, void* context) {
  const int saved_errno = errno;
  const pid_t self = static_cast<pid_t>(syscall(SYS_gettid));
  // Acquire, with the release in TheShared().
  Shared& the = *shared.load(std::memory_order_acquire);
  StackSlot::Stack* const stack = the.slot.Begin(self);
  if (stack != nullptr) {
    stack->count = backtrace(stack->frames, StackSlot::kMaxFrames);
    stack->interrupted_at = InterruptedAt(context);
    the.slot.End(self);
    sem_post(&the.written);
  }
  errno = saved_errno;
}

bool IsOurs(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) != 0 && action.sa_sigaction == OnSignal;
}

absl::Status TakenByOther(absl::string_view when) {
  return absl::FailedPreconditionError(
      absl::StrCat("no stacks are taken: the program has set a handler of its "
                   "own for SIGURG",
                   when));
}

absl::Status SetHandler() {
  struct sigaction now;
  if (sigaction(kSignal, nullptr, &now) != 0) {
    return absl::InternalError(
        absl::StrCat("sigaction(SIGURG): ", std::strerror(errno)));
  }
  const bool free = (now.sa_flags & SA_SIGINFO) == 0 &&
                    (now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN);
  if (!free) return TakenByOther("");
  // The first walk loads libgcc_s, which allocates.
  void* frames[4];
  backtrace(frames, 4);
  struct sigaction ours = {};
  ours.sa_sigaction = OnSignal;
  ours.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
  sigemptyset(&ours.sa_mask);
  if (sigaction(kSignal, &ours, nullptr) != 0) {
    return absl::InternalError(
        absl::StrCat("sigaction(SIGURG): ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status PrepareLocked(Shared& the)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(the.mutex) {
  if (!the.tried) {
    the.tried = true;
    the.prepared = SetHandler();
  }
  return the.prepared;
}

timespec DeadlineAfter(nanoseconds span) {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  constexpr int64_t kSecond = 1'000'000'000;
  const int64_t nanos = now.tv_nsec + std::max<int64_t>(span.count(), 0);
  return {.tv_sec = now.tv_sec + nanos / kSecond, .tv_nsec = nanos % kSecond};
}

// Waits until the slot is written, for `patience`. Returns whether it is.
bool AwaitWritten(Shared& the, nanoseconds patience) {
  const timespec deadline = DeadlineAfter(patience);
  while (the.slot.Look() != StackSlot::State::kWritten) {
    if (sem_clockwait(&the.written, CLOCK_MONOTONIC, &deadline) == 0) continue;
    if (errno != EINTR) return the.slot.Look() == StackSlot::State::kWritten;
  }
  return true;
}

std::string StatusFileOf(pid_t thread) {
  std::string text;
  const std::string path = absl::StrCat("/proc/self/task/", thread, "/status");
  std::unique_ptr<FILE, int (*)(FILE*)> file(std::fopen(path.c_str(), "re"),
                                             &std::fclose);
  if (file == nullptr) return text;
  char part[4096];
  while (size_t size = std::fread(part, 1, sizeof(part), file.get())) {
    text.append(part, size);
  }
  return text;
}

// What the kernel says of a thread that does not answer.
std::string WhySilent(pid_t thread) {
  for (absl::string_view line : absl::StrSplit(StatusFileOf(thread), '\n')) {
    uint64_t blocked;
    if (absl::ConsumePrefix(&line, "SigBlk:\t") &&
        absl::SimpleHexAtoi(line, &blocked) &&
        (blocked & uint64_t{1} << (kSignal - 1)) != 0) {
      return "it has blocked SIGURG";
    }
    if (absl::ConsumePrefix(&line, "State:\t")) {
      if (absl::StartsWith(line, "D")) {
        return "it waits in the kernel and takes no signals, as for a disk";
      }
      if (absl::StartsWith(line, "T") || absl::StartsWith(line, "t")) {
        return "it is stopped, by a signal or a debugger";
      }
    }
  }
  return "it is in the kernel, or has no CPU";
}

absl::Status Silent(pid_t thread, nanoseconds patience) {
  return absl::DeadlineExceededError(absl::StrCat(
      "the thread did not answer within ",
      std::chrono::duration_cast<std::chrono::milliseconds>(patience).count(),
      " ms: ", WhySilent(thread)));
}

// "pinion-server+0x1234"
std::string ModuleAddress(void* address) {
  Dl_info info;
  if (dladdr(address, &info) == 0 || info.dli_fname == nullptr) {
    return absl::StrCat("0x", absl::Hex(reinterpret_cast<uintptr_t>(address)));
  }
  absl::string_view module = info.dli_fname;
  module.remove_prefix(module.rfind('/') + 1);
  return absl::StrCat(module, "+0x",
                      absl::Hex(reinterpret_cast<uintptr_t>(address) -
                                reinterpret_cast<uintptr_t>(info.dli_fbase)));
}

std::string NameOf(void* address) {
  char name[kMaxName];
  if (!absl::Symbolize(address, name, sizeof(name))) {
    return ModuleAddress(address);
  }
  // Abseil does not understand all names: "_ZN3foo3barB5cxx11Ev".
  if (!absl::StartsWith(name, "_Z")) return name;
  const std::unique_ptr<char, decltype(&std::free)> demangled(
      abi::__cxa_demangle(name, nullptr, nullptr, nullptr), &std::free);
  if (demangled == nullptr) return name;
  return std::string(absl::string_view(demangled.get()).substr(0, kMaxName));
}

std::vector<std::string> NamesOf(const StackSlot::Stack& stack) {
  auto frames =
      absl::MakeConstSpan(stack.frames, static_cast<size_t>(stack.count));
  // The handler's own, and the kernel's way into it.
  const auto interrupted =
      std::find(frames.begin(), frames.end(), stack.interrupted_at);
  bool innermost = interrupted != frames.end();
  if (innermost) frames.remove_prefix(interrupted - frames.begin());
  std::vector<std::string> names;
  for (void* const frame : frames) {
    // A return address follows its call, which may be the last instruction of
    // its function. The thread was interrupted at an instruction.
    names.push_back(NameOf(innermost ? frame : static_cast<char*>(frame) - 1));
    innermost = false;
  }
  return names;
}

}  // namespace

absl::Status ThreadStacks::Prepare() {
  Shared& the = TheShared();
  MutexLock lock(the.mutex);
  return PrepareLocked(the);
}

absl::StatusOr<std::vector<std::string>> ThreadStacks::Take(
    pid_t thread, nanoseconds patience) {
  Shared& the = TheShared();
  StackSlot::Stack stack;
  {
    MutexLock lock(the.mutex);
    const absl::Status prepared = PrepareLocked(the);
    if (!prepared.ok()) return prepared;
    struct sigaction now;
    if (sigaction(kSignal, nullptr, &now) != 0 || !IsOurs(now)) {
      return TakenByOther(", since the start");
    }
    if (!the.slot.Ask(thread)) {
      return absl::UnavailableError(
          "no stack is taken: a thread that was asked before has begun to "
          "answer and has had no CPU to end; try again later");
    }
    if (syscall(SYS_tgkill, getpid(), thread, kSignal) != 0) {
      const int error = errno;
      the.slot.GiveUp();
      if (error == ESRCH || error == EINVAL) {
        return absl::NotFoundError(absl::StrCat("there is no thread ", thread));
      }
      return absl::InternalError(absl::StrCat("cannot signal thread ", thread,
                                              ": ", std::strerror(error)));
    }
    if (!AwaitWritten(the, patience)) {
      // A handler that has begun is as good as done, if it gets a CPU.
      if (the.slot.GiveUp() || !AwaitWritten(the, patience)) {
        return Silent(thread, patience);
      }
    }
    stack = the.slot.stack();
    the.slot.GiveUp();
  }
  return NamesOf(stack);
}

}  // namespace pinion
