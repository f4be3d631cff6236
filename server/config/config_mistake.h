// SPDX-License-Identifier: Apache-2.0
//
// ConfigMistake: one thing that is wrong in a configuration, and where.
//
// Threads: plain data.
// Example: for (const ConfigMistake& mistake : reading.mistakes) {
//            std::cerr << mistake.ToString() << "\n";
//          }
#ifndef PINION_SERVER_CONFIG_CONFIG_MISTAKE_H_
#define PINION_SERVER_CONFIG_CONFIG_MISTAKE_H_

#include <string>

namespace pinion {

// A place in a file. Both count from 1, the column in characters; 0: none.
struct ConfigPlace {
  int line = 0;
  int column = 0;
};

struct ConfigMistake {
  // The file's name, as it was given.
  std::string file = {};
  // No place: the mistake is that of the whole file, or of a flag.
  ConfigPlace place = {};
  // The field's path, for example "lanes.lane_calls" or
  // "services.carts.backends[2].port"; empty if no field is to blame.
  std::string path = {};
  // What is wrong, and what would be right: one line without an end.
  std::string text = {};

  // "/etc/pinion.yaml:12:3: lanes.lane_calls: 0 is out of range; ...", without
  // the parts that the mistake does not have. Compilers write it so, and
  // editors jump to the place.
  std::string ToString() const;
};

}  // namespace pinion

#endif  // PINION_SERVER_CONFIG_CONFIG_MISTAKE_H_
