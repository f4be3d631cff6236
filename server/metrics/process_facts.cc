// SPDX-License-Identifier: Apache-2.0
#include "pinion/server/metrics/process_facts.h"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace pinion {
namespace {

std::string ContentOf(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// When the machine started, in seconds since 1970; 0 if that is unknown.
int64_t BootSeconds(const std::string& proc) {
  const std::string stat = ContentOf(proc + "/stat");
  for (const absl::string_view line : absl::StrSplit(stat, '\n')) {
    const std::vector<absl::string_view> words = absl::StrSplit(line, ' ');
    int64_t seconds = 0;
    if (words.size() == 2 && words[0] == "btime" &&
        absl::SimpleAtoi(words[1], &seconds)) {
      return seconds;
    }
  }
  return 0;
}

// The fields of /proc/PID/stat from the third one on. The second is the
// program's name, which may have spaces and parentheses.
std::vector<std::string> StatFields(const std::string& self) {
  const std::string stat = ContentOf(self + "/stat");
  const size_t end = stat.rfind(") ");
  if (end == std::string::npos) return {};
  return absl::StrSplit(stat.substr(end + 2), ' ');
}

int64_t CountFiles(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator files(folder, error);
  int64_t count = 0;
  while (!error && files != std::filesystem::directory_iterator()) {
    ++count;
    files.increment(error);
  }
  return count;
}

int64_t MaxFiles() {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0
             ? static_cast<int64_t>(limit.rlim_cur)
             : 0;
}

}  // namespace

ProcessFacts ReadProcessFacts(const std::string& proc,
                              const std::string& self) {
  const std::vector<std::string> fields = StatFields(self);
  // `number` is that of the field in man 5 proc.
  const auto field = [&](size_t number) {
    int64_t value = 0;
    if (number - 3 < fields.size() &&
        !absl::SimpleAtoi(fields[number - 3], &value)) {
      return int64_t{0};
    }
    return value;
  };
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  ProcessFacts facts;
  facts.cpu_seconds = static_cast<double>(field(14) + field(15)) / ticks;
  facts.threads = field(20);
  if (const int64_t boot = BootSeconds(proc); boot > 0 && field(22) > 0) {
    facts.start_seconds =
        static_cast<double>(boot) + static_cast<double>(field(22)) / ticks;
  }
  facts.virtual_bytes = field(23);
  facts.resident_bytes = field(24) * sysconf(_SC_PAGESIZE);
  facts.open_files = CountFiles(self + "/fd");
  facts.max_files = MaxFiles();
  return facts;
}

}  // namespace pinion
