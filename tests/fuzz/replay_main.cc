// SPDX-License-Identifier: Apache-2.0
//
// Runs a fuzz target over the files that are named as arguments: its corpus,
// and inputs that once failed.
//
// Threads: one.
// Exit code: 0 all ran, 2 a file cannot be read or none is named. An input that
// fails ends the program, and is the last one named.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

bool Replay(const char* path) {
  std::printf("%s\n", path);
  std::fflush(stdout);  // Also when the next line ends the program.
  std::ifstream file(path, std::ios::binary);
  const std::string input{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad()) return false;
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(input.data()),
                         input.size());
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "no input is named\n");
    return 2;
  }
  for (int i = 1; i < argc; ++i) {
    if (Replay(argv[i])) continue;
    std::fprintf(stderr, "cannot read %s\n", argv[i]);
    return 2;
  }
  std::printf("%d inputs\n", argc - 1);
}
